"""Pairs an hour of a whole grid, Snakemake and every start included: by workers, and by threads a picture.

    python tests/benchmarks/throughput.py --pairs 24 --size 128 --iterations 50 --network lite --cores 2

The real workflow stylizes the same grid of the sample images into a temporary folder: by warm workers and by a
process an image, as many images at once as there are cores; and one after another on all cores. The loop
of engine.py stylizes them too, a process an image, one after another, without Snakemake. With --few
these other ways stylize only so many pairs, where all would take too long. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


#: (worker, threads of an image; 0 is the workflow's own choice)
WAYS = {"warm workers": ("yes", 0), "a process an image": ("no", 0), "an image at a time": ("no", None)}


def chosen_pairs(count: int) -> list[tuple[Path, Path, int]]:
    """Contents, styles and seeds."""
    contents = sorted(REPOSITORY.glob("data/content/*.jpg"))
    styles = sorted(REPOSITORY.glob("data/style/*.jpg"))
    return [(c, s, seed) for seed in range(count) for c in contents for s in styles][:count]


def plainly(folder: Path, arguments: argparse.Namespace, count: int) -> tuple[float, int]:
    """Seconds of the PyTorch baseline, and how many processes stylized."""
    script, out = str(Path(__file__).with_name("plain.py")), str(folder / "plain.png")
    flags = ["--size", arguments.size, "--iterations", arguments.iterations, "--network", arguments.network]
    began = time.perf_counter()
    for content, style, _ in chosen_pairs(count):
        subprocess.run([sys.executable, script, content, style, "-o", out, *map(str, flags)], check=True)
    return time.perf_counter() - began, count


def stylize_pair(folder: Path, arguments: argparse.Namespace, way: str, count: int) -> tuple[float, int]:
    """Seconds of the grid, and how many processes stylized it."""
    worker, threads = WAYS[way]
    results = folder / way.replace(" ", "_")
    chosen = chosen_pairs(count)
    rows = "".join(f"{c},{s},{seed}\n" for c, s, seed in chosen)
    (folder / "manifest.csv").write_text("content,style,seed\n" + rows)
    values = f"size: {arguments.size}, iterations: {arguments.iterations}, network: {arguments.network}"
    config = f"manifest: {folder / 'manifest.csv'}\nresults: {results}\nworker: {worker}\n"
    config += f"threads: {arguments.cores if threads is None else threads}\n"
    (folder / "config.yaml").write_text(f"{config}settings: {{{values}}}\n")
    command = [sys.executable, "-m", "snakemake", "--cores", str(arguments.cores), "--quiet", "all"]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--configfile", str(folder / "config.yaml"), "--", "pairs"],
        check=True, cwd=REPOSITORY, capture_output=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    records = [json.loads(path.read_text()) for path in results.glob("pairs/**/run.json")]
    assert len(records) == len(chosen)
    return seconds, len({record["process"]["pid"] for record in records})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--few", type=int, help="pairs of the ways other than by workers  [default: all]")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--network", choices=["lite", "vgg19"], default="lite")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    few = arguments.few or arguments.pairs
    counts = {way: arguments.pairs if worker == "yes" else few for way, (worker, _) in WAYS.items()}
    with tempfile.TemporaryDirectory() as name:
        found = {way: stylize_pair(Path(name), arguments, way, count) for way, count in counts.items()}
        counts["PyTorch baseline"] = few
        found["PyTorch baseline"] = plainly(Path(name), arguments, few)
    rates = {way: 3600 * counts[way] / seconds for way, (seconds, _) in found.items()}
    report = {
        **vars(arguments),
        "processes": {way: processes for way, (_, processes) in found.items()},
        "seconds": {way: seconds for way, (seconds, _) in found.items()},
        "pairs_an_hour": rates,
        "ratio": {way: rate / rates["PyTorch baseline"] for way, rate in rates.items()},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
