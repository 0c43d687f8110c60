"""What Snakemake adds to a grid: the time in which no pair of it is stylized, beside the time of a demo pair.

    python tests/benchmarks/overhead.py --pairs 16

Runs tiny pairs one after another in a temporary folder, with their animations, tables, sheets and plots left out;
what is not in the jobs' own benchmarks is Snakemake's: its start, the plan, and the gaps between the jobs. Then
stylizes one pair of the demo manifest with its settings. Prints JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

from grid import REPOSITORY, seconds, write_project

from nst.grid.command_line import setting_arguments
from nst.grid.config import load_config
from nst.grid.pairs import read_grid
from nst.io.yaml_file import read_mapping

SNAKEMAKE = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--cores", "1"]
NST = [sys.executable, "-c", "import sys; from nst.cli import main; sys.exit(main(sys.argv[1:]))"]


def overhead(folder: Path, pairs: int) -> float:
    """Seconds a pair outside the jobs."""
    write_project(folder, 1, pairs)
    (folder / "config/config.yaml").write_text("settings: {size: 32, iterations: 1, network: lite}\n")
    wall = seconds(folder, *SNAKEMAKE, "pairs")
    logs = list(folder.glob("results/benchmarks/stylize/**/*.tsv"))
    assert len(logs) == pairs
    return (wall - sum(float(next(csv.DictReader(log.open(), delimiter="\t"))["s"]) for log in logs)) / pairs


def demo_pair(folder: Path) -> float:
    """Seconds of one pair of the demo by the command that the workflow runs, on all cores."""
    config = load_config(read_mapping(REPOSITORY / "config/config.yaml"))
    pair = read_grid(REPOSITORY / config.manifest, config)[0]
    command = [
        *NST,
        "stylize",
        pair.content,
        pair.styles[0][0],
        "-o",
        str(folder / "image.png"),
        *setting_arguments(pair),
    ]
    return seconds(REPOSITORY, *command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=16, help="as many as the demo has")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        added = overhead(Path(name), pairs)
        whole = demo_pair(Path(name))
    report = {
        "pairs": pairs,
        "snakemake_seconds_a_pair": added,
        "demo_pair_seconds": whole,
        "share": added / whole,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
