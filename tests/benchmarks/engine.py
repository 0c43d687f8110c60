"""Speed and memory against the loop that every peer runs, as ratios; `make bench`.

    python tests/benchmarks/engine.py CONTENT STYLE --size 256 --iterations 100

Reference: the same objective in eager float32 on contiguous memory with torch.optim.LBFGS, in the same process.
Prints JSON: iterations a second of both and their ratio; the float32
loss of our saved image, of the reference's lowest point (whose pixels leave 0..1) and of its last point as it would
be saved; the iteration and time at which ours is as low as the reference's at its end; the peak memory above that of
the process before the run; and the floor: how long the arithmetic of one iteration takes at the fastest rate that
this machine reaches in the same type, of a matrix product or a convolution, and what share of it an iteration is. The
floor counts convolutions as they are defined; nst/networks/winograd.py multiplies less, so that the share can exceed 1.
On a GPU both have stylized a few iterations before, as a warm worker has.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from nst import weights
from nst.engine import level
from nst.engine.stylization import Finished, Transfer, stylize
from nst.grid.estimate import PASSES, flops_per_pixel
from nst.images import read_picture
from nst.losses.functional import content_loss, gram_loss
from nst.machine import runtime
from nst.networks.extractor import FeatureExtractor, to_tensor
from nst.settings import make

DATA = Path(__file__).parents[2] / "data"


#: Sides of the square matrices whose fastest product is the machine's matrix rate.
SIDES = (1024, 2048, 4096)


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations a second of the fastest large matrix product."""
    best = 0.0
    for side in SIDES:
        a = torch.randn(side, side, device=device).to(dtype)
        rate = 2 * side**3 / fastest(lambda a=a: a @ a, device)
        if rate < 1.02 * best:  # a larger product is no faster; on a CPU it takes many seconds
            return max(rate, best)
        best = rate
    return best


def convolution_rate(dtype: torch.dtype, device: torch.device) -> float:
    """The same of a 3×3 convolution of 256 channels, which some machines do faster than a product."""
    kind = {"device": device, "dtype": dtype}
    x = torch.randn(1, 256, 128, 128, **kind).to(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3, **kind).to(memory_format=torch.channels_last)
    seconds = fastest(lambda: torch.nn.functional.conv2d(x, weight, padding=1), device)
    return 2 * 9 * x.numel() * 256 / seconds


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of some tries; on a GPU of many in a row, whose launches overlap."""
    times, seconds = (20 if device.type == "cuda" else 1), []
    for _ in range(6):  # the first warms up
        settle(device)
        began = time.perf_counter()
        for _ in range(times):
            work()
        settle(device)
        seconds.append((time.perf_counter() - began) / times)
    return min(seconds)


def settle(device: torch.device) -> None:
    """Wait for a GPU to have done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reference(content, style, state, settings, device=None) -> tuple[list[float], float, np.ndarray]:
    """Losses at each iteration, seconds, and the last image clipped into 0..1, of the PyTorch baseline."""
    layers = [*settings.content_layers, *settings.style_layers]
    network = FeatureExtractor(settings.network, state, layers)
    device = device or torch.device("cpu")
    network.convert(device, torch.float32)
    network.steps.to(memory_format=torch.contiguous_format)

    def tensor(pixels):
        return to_tensor(pixels).to(device)

    def gram(f):
        flat = f.flatten(2)
        return flat @ flat.mT / flat.shape[2]

    def features(x):
        x = ((x - network.mean) / network.std).contiguous()
        taps = {}
        for step, name in zip(network.steps, network.names, strict=True):
            x = torch.relu(x) if isinstance(step, torch.nn.ReLU) else step(x)
            if name in network.layers and isinstance(step, torch.nn.ReLU):
                taps[name] = x
        return taps

    with torch.no_grad():
        content_target = features(tensor(content))
        style_target = {layer: gram(f) for layer, f in features(tensor(style)).items()}
    x = tensor(content).requires_grad_(True)
    n = settings.iterations
    optimizer = torch.optim.LBFGS([x], max_iter=10 * n, max_eval=n, tolerance_grad=0, tolerance_change=0)
    seen: list[float] = []

    def closure():
        optimizer.zero_grad()
        taps = features(x)
        content = sum(
            content_loss(taps[layer], content_target[layer], "relative")[0] for layer in settings.content_layers
        )
        style = sum(
            gram_loss(gram(taps[layer]), style_target[layer], "relative")[0] for layer in settings.style_layers
        ) / len(settings.style_layers)
        total = settings.content_weight * content + settings.style_weight * style
        total.backward()
        seen.append(total.item())
        return total

    began = time.perf_counter()
    optimizer.step(closure)
    picture = x.detach()[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
    return seen[:n], time.perf_counter() - began, picture


def ours(content, style, state, settings, device="cpu") -> tuple[list[float], Finished]:
    """Losses at each iteration, and the finished run."""
    seen = []
    for event in stylize(Transfer(content, [style], settings), state=state, device=device):
        if isinstance(event, Finished):
            return seen, event
        seen.append(event.losses["total"])
    raise AssertionError("stylize ends with Finished")


def pair(content, style, settings, state, device: torch.device) -> level.Level:
    """What the engine stylizes with."""
    return level.Level(content, content, [style], [1.0], None, None, settings, state, device)


def exact_loss(pixels, content, style, state, settings) -> float:
    """The objective in float32, whatever stylized the picture."""
    cpu = torch.device("cpu")
    level_fp32 = pair(content, style, settings, state, cpu)
    objective = level_fp32.objective(level_fp32.network(torch.float32))
    return objective.evaluate(to_tensor(pixels)).total.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", nargs="?", default=DATA / "content" / "lake.jpg")
    parser.add_argument("style", nargs="?", default=DATA / "style" / "swirls.jpg")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")
    arguments = parser.parse_args()
    n, device = arguments.iterations, runtime.torch_device(arguments.device)
    values = {"size": arguments.size, "iterations": n, "network": arguments.network, "precision": arguments.precision}
    settings = make(values)
    content = read_picture(arguments.content, long_side=arguments.size).pixels
    style = read_picture(arguments.style, long_side=arguments.size).pixels
    state, _, _ = weights.load(arguments.network)
    idle = runtime.peak_memory(device)["peak_memory_mb"]
    if device.type == "cuda":  # as in a warm worker: kernels are built, and the fastest algorithms found
        few = settings.model_copy(update={"iterations": 5})
        ours(content, style, state, few, device=arguments.device)
        reference(content, style, state, few, device)
    seen, finished = ours(content, style, state, settings, device=arguments.device)
    our_seconds, peaks = finished.seconds["optimize"], runtime.peak_memory(device)
    theirs, their_seconds, their_picture = reference(content, style, state, settings, device)
    our_loss = exact_loss(finished.pixels, content, style, state, settings)
    level = next((i for i, loss in enumerate(seen, 1) if loss <= min(theirs)), None)
    kind = runtime.compute_type(arguments.precision, device)
    product = matrix_rate(kind, device)
    rate = max(product, convolution_rate(kind, device))
    flops = PASSES * flops_per_pixel(settings) * content[..., 0].size
    report = {
        "size": arguments.size,
        "network": arguments.network,
        "iterations": n,
        "device": runtime.name(device),
        "threads": torch.get_num_threads(),
        "precision": finished.precision,
        "iterations_per_second": {"nst": n / our_seconds, "reference": n / their_seconds},
        "speed_ratio": their_seconds / our_seconds,
        "fp32_loss": {
            "nst": our_loss,
            "reference": min(theirs),
            "reference_saved": exact_loss(their_picture, content, style, state, settings),
        },
        "loss_ratio": our_loss / min(theirs),
        "iterations_to_reference_loss": level,
        "time_to_reference_loss_ratio": level and their_seconds / (our_seconds * level / n),
        "memory_above_start_mb": peaks.get("peak_gpu_memory_mb", peaks["peak_memory_mb"] - idle),
        "gflop_per_iteration": flops / 1e9,
        "matrix_product_gflops": product / 1e9,
        "fastest_rate_gflops": rate / 1e9,
        "floor_ms": 1000 * flops / rate,
        "measured_ms": 1000 * our_seconds / n,
        "share_of_matrix_product_rate": flops / product / (our_seconds / n),
        "share_of_fastest_rate": flops / rate / (our_seconds / n),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
