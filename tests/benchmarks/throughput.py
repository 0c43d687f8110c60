"""Pairs an hour of a whole grid, Snakemake and every start included: warm workers against a process a picture.

    python tests/benchmarks/throughput.py --pairs 24 --size 128 --iterations 50 --network lite --cores 2

The real workflow paints the same grid of the sample pictures twice into a temporary folder. Weights come from
NST_WEIGHTS_DIR or the cache. Prints JSON.
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


def paint(folder: Path, arguments: argparse.Namespace, worker: str) -> tuple[float, int]:
    """Seconds of the grid, and how many processes painted it."""
    results = folder / worker
    contents = sorted(REPOSITORY.glob("data/content/*.jpg"))
    styles = sorted(REPOSITORY.glob("data/style/*.jpg"))
    chosen = [(c, s, seed) for seed in range(arguments.pairs) for c in contents for s in styles][: arguments.pairs]
    rows = "".join(f"{c},{s},{seed}\n" for c, s, seed in chosen)
    (folder / "manifest.csv").write_text("content,style,seed\n" + rows)
    values = f"size: {arguments.size}, iterations: {arguments.iterations}, network: {arguments.network}"
    config = f"manifest: {folder / 'manifest.csv'}\nresults: {results}\nworker: {worker}\n"
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
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--network", choices=["lite", "vgg19"], default="lite")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = {worker: paint(Path(name), arguments, worker) for worker in ("yes", "no")}
    report = {
        **vars(arguments),
        "processes": {worker: processes for worker, (_, processes) in found.items()},
        "pairs_an_hour": {worker: 3600 * arguments.pairs / seconds for worker, (seconds, _) in found.items()},
        "ratio": found["no"][0] / found["yes"][0],
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
