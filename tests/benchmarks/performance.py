"""The speed of this machine in one run: JSON, and a plot (docs/explanation/performance.md).

    python tests/benchmarks/performance.py --work FOLDER

Runs the other benchmarks one after another, each in processes of its own; what is in
the folder already is not measured again, and what needs Snakemake is left out where there is none. Writes
performance.json and performance.png there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
from nst.machine import gpus

HERE = Path(__file__).parent
NETWORKS, SIZES = ("vgg19", "lite"), (256, 512, 1024)
#: Iterations by size; how many images at once; and a grid: as much as a CPU, and a GPU, does in minutes.
ON_CPU = {
    "iterations": {256: 60, 512: 60, 1024: 20},
    "batching": ["--size", 256, "--iterations", 100, "--at-once", 1, 2, 4],
    "throughput": ["--pairs", 24, "--size", 128, "--iterations", 50, "--network", "lite"],
}
ON_GPU = {
    "iterations": dict.fromkeys(SIZES, 300),
    "batching": ["--size", 512, "--iterations", 300, "--at-once", 1, 4, 16],
    "throughput": ["--pairs", 100, "--few", 5, "--size", 512, "--iterations", 300, "--network", "vgg19"],
}
PAIRS = (100, 1000, 10_000)


def measure(name: str, work: Path, script: str, *arguments: object) -> dict:
    """What a benchmark prints, kept in a file of the folder."""
    kept = work / f"{name}.json"
    if not kept.exists():
        command = [sys.executable, str(HERE / script), *map(str, arguments)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        kept.write_text(answer[answer.index("{\n") :])
        print(name, flush=True)
    return json.loads(kept.read_text())


def plot(found: dict, path: Path) -> None:
    """Speed by size and network, and the share of the matrix rate."""
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
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    much = ON_GPU if gpus.available() else ON_CPU
    sizes = [(network, size, much["iterations"][size]) for network in NETWORKS for size in SIZES]
    found = {
        "engine": [
            measure(
                f"engine-{network}-{size}", work, "engine.py", "--network", network, "--size", size, "--iterations", n
            )
            for network, size, n in sizes
        ],
        "engine_fp32": measure(
            "engine-fp32", work, "engine.py", "--precision", "fp32", "--iterations", much["iterations"][256]
        ),
        "batching": measure("batching", work, "batching.py", *much["batching"]),
    }
    if find_spec("snakemake"):
        cores = ["--cores", len(os.sched_getaffinity(0))]
        found["throughput"] = measure("throughput", work, "throughput.py", *much["throughput"], *cores)
        found["stages"] = measure("stages", work, "stages.py", *cores)
        found["grid"] = [measure(f"grid-{pairs}", work, "grid.py", "--pairs", pairs) for pairs in PAIRS]
    (work / "performance.json").write_text(json.dumps(found, indent=1) + "\n")
    plot(found, work / "performance.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
