"""Where the time of a grid goes besides the optimization, on a simulated device. Prints JSON.

    python tests/benchmarks/stages.py --pairs 64 --size 512 --cores 2 --milliseconds 350 --plot stages.png

Snakemake, the clients and the worker are the real ones. The worker's device is simulated: it computes one batch at a
time, for a constant time per image, and it computes nothing; the frames fade from the content to the style. What a GPU
computes for targets and metrics is left out too. Reading, resizing, encoding, writing and moving are real.

`overhead` is the CPU time per pair: of Snakemake, of the clients, and of the stages in the worker. `bare_rule` is that
of Snakemake and of the job for a rule that only touches a file, the least that a job costs. `busy` is the share of the
wall time of the pairs in which the device computes. `summaries` are sheets, tables, plots and gallery.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grid

REPOSITORY = Path(__file__).parents[2]
DEVICE = "simulated"

#: The functions of each stage in the worker. They do not call each other.
STAGES = {
    "read inputs": ("nst.pair.stylize:read_inputs",),
    "prepare": ("nst.worker.batching:prepared",),
    "frames": ("nst.pair.recording:Recording._frame", "nst.pair.recording:write_frame"),
    "write the image": ("nst.pair.stylize:write_picture",),
    "write the losses": ("nst.pair.recording:Recording._write_losses",),
    "write the animation": ("nst.pair.recording:animate",),
    "complete": ("nst.pair.publication:complete",),
    "publish": ("nst.pair.publication:publish",),
}
#: Snakemake, which writes the CPU seconds of its own and of its jobs at its end.
SNAKEMAKE = """
import atexit, json, resource, sys
def report():
    own, jobs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print("cpu", json.dumps([who.ru_utime + who.ru_stime for who in (own, jobs)]))
atexit.register(report)
from snakemake.cli import main
main()
"""


# ------------------------------------------------------------ the worker


class Clocks:
    """CPU and wall seconds by stage."""

    def __init__(self) -> None:
        self.cpu, self.wall = Counter[str](), Counter[str]()
        self._lock = threading.Lock()

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            cpu, wall = time.thread_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.add(stage, time.thread_time() - cpu, time.perf_counter() - wall)

        return timed

    def add(self, stage: str, cpu: float, wall: float) -> None:
        with self._lock:
            self.cpu[stage] += cpu
            self.wall[stage] += wall


def simulated(milliseconds: float, clocks: Clocks) -> Callable[..., Iterator[tuple[int, Any]]]:
    """A `stylize_batch` whose device is busy for a constant time per image."""
    import numpy as np

    from nst.engine.stylization import Finished, Progress
    from nst.images import resize

    def stylize_batch(transfers: list[Any], **_: Any) -> Iterator[tuple[int, Any]]:
        cpu, began = time.thread_time(), time.perf_counter()
        iterations = transfers[0].settings.iterations
        ends = [(t.content, resize(t.styles[0], shape=t.content.shape[:2])) for t in transfers]
        losses = dict.fromkeys(("content", "style", "tv", "total"), 1.0)
        for iteration in range(1, iterations + 1):
            until = began + milliseconds / 1000 * len(transfers) * iteration / iterations
            time.sleep(max(0.0, until - time.perf_counter()))
            for index, (content, style) in enumerate(ends):
                share = np.float32(iteration / iterations)
                picture = functools.partial(lambda a, b, s: a + s * (b - a), content, style, share)
                yield index, Progress(iteration, losses, time.perf_counter() - began, picture, dict)
        clocks.add("device", time.thread_time() - cpu, time.perf_counter() - began)
        for index, (_, style) in enumerate(ends):
            seconds = {"targets": 0.0, "optimize": time.perf_counter() - began}
            machine, batch = {"threads": 1.0}, len(transfers)
            yield index, Finished(style, iterations, 1, losses, "bf16", seconds, (), 1.0, machine, batch)

    return stylize_batch


def work(milliseconds: float, report: Path) -> None:
    """Be the worker of the simulated device, and write the clocks at its end."""
    import numpy as np

    from nst.metrics import ReferenceNetwork, evaluate
    from nst.pair import stylize
    from nst.worker import batching, server

    noise = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    metrics = evaluate(noise, noise, [noise], by=ReferenceNetwork.load(), device="cpu")
    clocks = Clocks()
    batching.stylize_batch = simulated(milliseconds, clocks)
    batching.Batcher.__init__.__defaults__ = (batching.MAX_BATCH,)
    stylize._evaluate = lambda *_: metrics
    for stage, names in STAGES.items():
        for name in names:
            module, _, path = name.partition(":")
            *owners, last = path.split(".")
            owner = functools.reduce(getattr, owners, importlib.import_module(module))
            setattr(owner, last, clocks.around(stage, getattr(owner, last)))
    before = time.process_time()
    server.run(DEVICE, idle=600)
    found = {"cpu": clocks.cpu, "wall": clocks.wall, "process": time.process_time() - before}
    report.write_text(json.dumps(found))


# ------------------------------------------------------------ the grid


def write_grid(folder: Path, options: argparse.Namespace) -> None:
    """A manifest of the sample images, and its configuration."""
    contents, styles = (sorted(REPOSITORY.glob(f"data/{kind}/*.jpg")) for kind in ("content", "style"))
    pairs = [(c, s, seed) for seed in range(options.pairs) for c in contents for s in styles][: options.pairs]
    rows = "".join(f"{content},{style},{seed}\n" for content, style, seed in pairs)
    (folder / "manifest.csv").write_text(f"content,style,seed\n{rows}")
    settings = f"size: {options.size}, iterations: {options.iterations}, frame_interval: {options.frame_interval}"
    config = f"manifest: manifest.csv\nworker: 'yes'\nbundle: {options.bundle}\nsettings: {{{settings}}}\n"
    (folder / "config.yaml").write_text(config)


def snakemake(folder: Path, cores: int, *arguments: str) -> dict[str, float]:
    """Wall seconds of a run, and the CPU seconds of Snakemake and of its jobs."""
    command = [sys.executable, "-c", SNAKEMAKE, "--cores", str(cores), *arguments]
    began = time.perf_counter()
    answer = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    line = next(line for line in answer.stdout.splitlines() if line.startswith("cpu "))
    own, jobs = json.loads(line.removeprefix("cpu "))
    return {"wall": time.perf_counter() - began, "snakemake": own, "jobs": jobs}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    os.environ |= {"CUDA_VISIBLE_DEVICES": DEVICE, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_grid(folder, options)
        report = folder / "report.json"
        command = [sys.executable, __file__, "--milliseconds", str(options.milliseconds), "--report", str(report)]
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        from nst.worker import client

        try:
            while client.connect(DEVICE) is None:
                time.sleep(0.2)
            workflow = ["-s", str(REPOSITORY / "workflow/Snakefile"), "--configfile", "config.yaml"]
            pairs = snakemake(folder, options.cores, *workflow, "--", "pairs")
            rest = snakemake(folder, options.cores, *workflow)
        finally:
            worker.terminate()
            worker.wait()
        found = json.loads(report.read_text())
        assert len(list(folder.glob("results/pairs/**/run.json"))) == options.pairs
        (folder / "Snakefile").write_text(grid.BARE.format(options.pairs))
        bare = snakemake(folder, options.cores)
    count = options.pairs
    stages = {stage: found["cpu"].get(stage, 0.0) / count for stage in STAGES}
    other = (found["process"] - sum(found["cpu"].values())) / count
    overhead = {
        "Snakemake": pairs["snakemake"] / count,
        "clients": pairs["jobs"] / count,
        **stages,
        "worker, the rest": other,
    }
    return {
        **{name: value for name, value in vars(options).items() if name not in ("plot", "report")},
        "busy": found["wall"]["device"] / pairs["wall"],
        "pairs_a_minute": 60 * count / pairs["wall"],
        "core_seconds_a_pair": sum(overhead.values()),
        "overhead": overhead,
        "bare_rule": {"Snakemake": bare["snakemake"] / count, "job": bare["jobs"] / count},
        "wall_seconds": {"pairs": pairs["wall"], "summaries": rest["wall"]},
        "summaries_core_seconds": rest["snakemake"] + rest["jobs"],
    }


def plot(found: dict[str, Any], path: Path) -> None:
    """The CPU time of each stage."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    names, values = zip(*reversed(found["overhead"].items()), strict=True)
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    bars = axes.barh(names, [1000 * value for value in values], color="#2f6f8f")
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(title=f"CPU milliseconds per pair, {found['size']} px: {1000 * found['core_seconds_a_pair']:.0f} in all")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--frame-interval", type=int, default=10, help="0: no frames and no animation")
    parser.add_argument("--bundle", type=float, default=0, help="minutes per bundle; 0: a job for each pair")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--milliseconds", type=float, default=350, help="of the simulated device, per image")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.report:
        return work(options.milliseconds, options.report)
    found = measure(options)
    print(json.dumps(found, indent=1))
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
