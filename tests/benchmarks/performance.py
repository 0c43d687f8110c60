"""The speed of this machine in one run: JSON, and a plot (docs/explanation/performance.md).

    python tests/benchmarks/performance.py --work FOLDER [--within MINUTES]

Runs the other benchmarks one after another, the most important first, each in processes of its own. What the folder
has is not measured again; what needs Snakemake is left out where there is none. With --within it ends after so many
minutes with what it has by then, and a later call continues. Writes performance.json and performance.png there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

from nst.machine import gpus

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
NETWORKS, SIZES = ("vgg19", "lite"), (256, 512, 1024)
NEED_SNAKEMAKE = ("throughput.py", "stages.py", "grid.py")


class Step(NamedTuple):
    """A benchmark and its arguments. Steps of one part are a list in the JSON."""

    part: str
    script: str
    arguments: tuple[object, ...]


def steps(*, on_gpu: bool, cores: int, work: Path) -> list[Step]:
    """As much as a GPU, or a CPU, does in minutes."""
    one = ("--contents", DATA / "content/lake.jpg", "--styles", DATA / "style/swirls.jpg")
    iterations = dict.fromkeys(SIZES, 300) if on_gpu else {256: 60, 512: 60, 1024: 20}
    engines = [
        Step("engine", "engine.py", ("--network", network, "--size", size, "--iterations", iterations[size]))
        for network in NETWORKS
        for size in SIZES
    ]
    engines.append(Step("engine_fp32", "engine.py", ("--precision", "fp32", "--iterations", iterations[256])))
    grids = [Step("grid", "grid.py", ("--pairs", pairs)) for pairs in (100, 1000, 10_000)]
    stages = Step("stages", "stages.py", ("--cores", cores))
    if not on_gpu:
        batching = Step("batching", "batching.py", ("--size", 256, "--iterations", 100, "--at-once", 1, 2, 4))
        small = ("--pairs", 24, "--size", 128, "--iterations", 50, "--network", "lite", "--cores", cores)
        return [*engines, batching, Step("throughput", "throughput.py", small), stages, *grids]
    large = ("--pairs", 100, "--few", 5, "--size", 512, "--iterations", 300, "--network", "vgg19", "--cores", cores)
    methods = ("paint", *one, "--methods", "default", "nnst", "strotss", "--work", work / "methods")
    return [
        Step("iteration", "iteration.py", ("--sizes", *SIZES, "--kernels", 40)),
        Step("batching", "batching.py", ("--size", 512, "--iterations", 300, "--at-once", 1, 4, 16)),
        Step("methods", "methods.py", methods),
        Step("iteration_lite", "iteration.py", ("--network", "lite", "--sizes", *SIZES)),
        Step("throughput", "throughput.py", large),
        *engines,
        stages,
        *grids,
    ]


def measure(step: Step, number: int, work: Path, deadline: float) -> Any:
    """What a benchmark prints, kept in a file of the folder; None if it would end after the deadline."""
    kept = work / f"{step.part}-{number}.json"
    if not kept.exists():
        command = [sys.executable, str(HERE / step.script), *map(str, step.arguments)]
        printed = kept.with_suffix(".txt")
        with printed.open("w") as file:  # not a pipe, which processes of a stopped benchmark would keep open
            process = subprocess.Popen(command, stdout=file, start_new_session=True)
        try:
            status = process.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
        if status:
            raise subprocess.CalledProcessError(status, command)
        kept.write_text(json.dumps(parsed(printed.read_text()), indent=1) + "\n")
        print(step.part, *step.arguments, flush=True)
    return json.loads(kept.read_text())


def parsed(printed: str) -> Any:
    """The JSON in what a benchmark prints: one object over several lines, or a list of objects of a line each."""
    if "{\n" in printed:
        return json.loads(printed[printed.index("{\n") :])
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def plot(found: dict[str, list[Any]], path: Path) -> None:
    """Speed by size and network beside the baseline's, and the share of the lower bound."""
    mpl.use("agg")
    from matplotlib import pyplot

    engines = found["engine"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    labels = [f"{e['network']}\n{e['size']} px" for e in engines]
    places = range(len(engines))
    left.bar(
        [p - 0.2 for p in places], [e["iterations_per_second"]["reference"] for e in engines], 0.4, color="#b9b4ab"
    )
    left.bar([p + 0.2 for p in places], [e["iterations_per_second"]["nst"] for e in engines], 0.4, color="#2f6f8f")
    for place, e in zip(places, engines, strict=True):
        left.annotate(
            f"{e['speed_ratio']:.1f}×", (place + 0.2, e["iterations_per_second"]["nst"]), ha="center", va="bottom"
        )
    left.set(title="iterations per second: PyTorch baseline, nst", yscale="log")
    left.margins(y=0.15)
    right.bar(places, [100 * e["share_of_fastest_rate"] for e in engines], 0.5, color="#2f6f8f")
    right.axhline(100, color="#555555", linewidth=0.8)
    right.set(title="lower bound over measured time, %")
    for axes in (left, right):
        axes.set_xticks(list(places), labels, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--within", type=float, default=60.0, help="minutes")
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.within
    options.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Any]] = {}
    for step in steps(on_gpu=gpus.available(), cores=len(os.sched_getaffinity(0)), work=options.work):
        if step.script in NEED_SNAKEMAKE and not find_spec("snakemake"):
            continue
        known = found.setdefault(step.part, [])
        if (figures := measure(step, len(known), options.work, deadline)) is None:
            print(f"not measured within {options.within:g} minutes: from {step.part} on", flush=True)
            break
        known.append(figures)
    found = {part: figures for part, figures in found.items() if figures}
    (options.work / "performance.json").write_text(json.dumps(found, indent=1) + "\n")
    if len(found.get("engine", ())) == len(NETWORKS) * len(SIZES):
        plot(found, options.work / "performance.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
