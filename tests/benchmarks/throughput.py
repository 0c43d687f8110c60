"""Pairs an hour of a whole grid, Snakemake and every start included: by workers, and by threads a picture.

    python tests/benchmarks/throughput.py --pairs 24 --size 128 --iterations 50 --network lite --cores 2

The real workflow paints the same grid of the sample pictures into a temporary folder: by warm workers and by a process
a picture, as many pictures at once as there are cores; and one after another on all cores. Weights come from
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


#: (worker, threads of a picture; 0 is the workflow's own choice)
WAYS = {"warm workers": ("yes", 0), "a process a picture": ("no", 0), "a picture at a time": ("no", None)}


def paint(folder: Path, arguments: argparse.Namespace, way: str) -> tuple[float, int]:
    """Seconds of the grid, and how many processes painted it."""
    worker, threads = WAYS[way]
    results = folder / way.replace(" ", "_")
    contents = sorted(REPOSITORY.glob("data/content/*.jpg"))
    styles = sorted(REPOSITORY.glob("data/style/*.jpg"))
    chosen = [(c, s, seed) for seed in range(arguments.pairs) for c in contents for s in styles][: arguments.pairs]
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
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--network", choices=["lite", "vgg19"], default="lite")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = {way: paint(Path(name), arguments, way) for way in WAYS}
    base = found["a process a picture"][0]
    report = {
        **vars(arguments),
        "processes": {way: processes for way, (_, processes) in found.items()},
        "pairs_an_hour": {way: 3600 * arguments.pairs / seconds for way, (seconds, _) in found.items()},
        "ratio": {way: base / seconds for way, (seconds, _) in found.items()},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
