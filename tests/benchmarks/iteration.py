"""What one iteration is made of: milliseconds of its parts, and its kernels.

    python tests/benchmarks/iteration.py --sizes 256 512 1024 --network vgg19 --kernels 30

Stylizes the sample images, cut to squares, some iterations far. Prints
a line of JSON a size: an iteration as `stylize` does it; on a GPU as it is replayed, without what Python does between
two; its halves, the objective with its gradient and what L-BFGS does with them, each recorded alone on a GPU; and the
floor, its convolutions' arithmetic at the rate of the fastest matrix product. With --kernels so many of the longest
kernels of an iteration (on a CPU torch's operations), by their sum, with how often each runs. With and without
--deterministic or --photo-weight it tells what that costs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import engine
import torch
from torch.profiler import ProfilerActivity, profile

from nst import weights
from nst.engine.cuda_graph import in_place
from nst.engine.run import Run
from nst.grid.estimate import PASSES, flops_per_pixel
from nst.images import read_picture
from nst.machine import runtime
from nst.settings import make


def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one call; on a GPU of a recording of it."""
    if device.type != "cuda":
        return 1000 * engine.fastest(work, device)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return 1000 * engine.fastest(graph.replay, device)


def begun(network: str, size: int, device: torch.device, deterministic: bool, photo_weight: float) -> Run:
    """A run of the sample images that has seen some iterations."""
    content, style = (
        read_picture(engine.DATA / name, shape=(size, size)).pixels for name in ("content/lake.jpg", "style/swirls.jpg")
    )
    settings = make({"size": size, "network": network, "iterations": 1000, "photo_weight": photo_weight})
    runtime.set_up(device, deterministic=deterministic)
    pair = engine.pair(content, style, settings, weights.load(network)[0], device)
    run = Run([pair], [None], runtime.compute_type("auto", device), None)
    for _ in range(8):
        evaluate(run)
    return run


def evaluate(run: Run) -> None:
    """As `stylize` does: on a GPU the next iteration is started before this one is returned."""
    run.iterate(last=False)
    if run.recorded:
        run.start_iteration(last=False)


def longest(run: Run, device: torch.device, count: int) -> list[str]:
    """The kernels of an iteration, or a CPU's operations without what they call, that take longest."""
    on_gpu = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as seen:
        for _ in range(5):
            evaluate(run)
        engine.settle(device)
    times = [(k.self_device_time_total if on_gpu else k.self_cpu_time_total, k) for k in seen.key_averages()]
    times.sort(key=lambda found: found[0], reverse=True)
    return [f"{us / 5:8.1f} µs {k.count / 5:5.1f} × {k.key[:110]}" for us, k in times[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    parser.add_argument("--kernels", type=int, default=0)
    parser.add_argument("--deterministic", action="store_true", help="as with deterministic: yes")
    parser.add_argument("--photo-weight", type=float, default=0)
    arguments = parser.parse_args()
    device = runtime.torch_device("auto")
    rate = engine.matrix_rate(runtime.compute_type("auto", device), device)
    for size in arguments.sizes:
        run = begun(arguments.network, size, device, arguments.deterministic, arguments.photo_weight)
        objective, optimizer, graph = run.objective, run.optimizer, run._step.graph
        line = {
            "network": arguments.network,
            "size": size,
            "device": runtime.name(device),
            "iteration_ms": 1000 * engine.fastest(lambda run=run: evaluate(run), device),
            "replayed_ms": graph and 1000 * engine.fastest(graph.replay, device),
        }
        x = optimizer.ask()
        picture = run.canvas.picture(x)
        found = objective.evaluate(picture)
        gradient = run.canvas.gradient(x, found.gradient)

        def tell(x=x, found=found, gradient=gradient, optimizer=optimizer) -> None:
            in_place(lambda: optimizer.tell(x, found.total, gradient), optimizer)

        line["objective_ms"] = milliseconds(lambda o=objective, p=picture: o.evaluate(p), device)
        line["optimizer_ms"] = milliseconds(tell, device)
        line["floor_ms"] = 1000 * PASSES * flops_per_pixel(run.only_image.level.settings) * size**2 / rate
        print(json.dumps(line), flush=True)
        if arguments.kernels:
            print(*longest(run, device, arguments.kernels), sep="\n", flush=True)
        run.__exit__()


if __name__ == "__main__":
    main()
