"""What a large grid costs on a cluster beside its stylization: the driver's time and memory, and the summaries'.

    python tests/benchmarks/cluster.py --pairs 10000

Makes tiny images and a manifest in a temporary folder; jobs are stand-ins that do nothing but leave their output. A
line of JSON each: seconds and peak MB of
    plan      nst grid --cluster
    dry       a dry run of Snakemake, with bundles, and pair by pair
    jobs      Snakemake through stand-in jobs, with bundles, and pair by pair for a tenth of the pairs
    node      what Snakemake costs on a node before a bundle starts
    tables    nst tables over as many run records
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from grid import REPOSITORY, write_project

from synthetic import write_results

STAND_IN = """#!/bin/bash
# Leaves what a command would, for the rules `weights`, `bundle` and `stylize`; `grid` is the real one.
case "$1" in
  grid) exec {python} -m nst "$@" ;;
  weights) while [ "$1" != --record ]; do shift; done; echo '{{}}' > "$2" ;;
  bundle) while [ "$1" != -o ]; do shift; done; echo '{{}}' > "$2" ;;
  stylize) while [ "$1" != --record ]; do [ "$1" = -o ] && out=$2; shift; done
    mkdir -p "$2/snapshots"; touch "$out" "$2/losses.csv" "$2/run.json" "$2/animation.gif" ;;
esac
"""


def measured(name: str, folder: Path, *command: str, **more: object) -> None:
    """Run a command, which must succeed, and print what it took."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(said.decode()[-3000:])
    seconds, megabytes = time.perf_counter() - began, usage.ru_maxrss * 1024 / 1e6
    print(json.dumps({"what": name, **more, "seconds": round(seconds, 2), "peak_mb": round(megabytes)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="rounded down to a square")
    parser.add_argument("--bundle", type=float, default=20, help="minutes of stylization a job")
    parser.add_argument("--only", nargs="*", default=["plan", "dry", "jobs", "node", "tables"])
    arguments = parser.parse_args()
    side, some = math.isqrt(arguments.pairs), math.isqrt(arguments.pairs // 10)
    snakemake = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--scheduler", "greedy", "-q"]
    bundles = ["--config", f"bundle={arguments.bundle}", "device=cuda"]
    nst = [sys.executable, "-m", "nst"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, side, side)
        lines = [f"content-{i:04}.png,style-{j:04}.png" for i in range(some) for j in range(some)]
        (folder / "few.csv").write_text("\n".join(["content,style", *lines]) + "\n")
        (folder / "nst.yaml").write_text(f"bundle: {arguments.bundle}\ndevice: cuda\n")
        (folder / "bin").mkdir()
        (folder / "bin/nst").write_text(STAND_IN.format(python=sys.executable))
        (folder / "bin/nst").chmod(0o755)
        n, few = side**2, some**2
        if "plan" in arguments.only:
            measured("plan", folder, *nst, "grid", "--cluster", "--profile", ".", pairs=n)
        if "dry" in arguments.only:
            measured("dry", folder, *snakemake, "all", "-n", *bundles, pairs=n, bundle=arguments.bundle)
            measured("dry", folder, *snakemake, "all", "-n", pairs=n, bundle=0)
        if "jobs" in arguments.only:
            jobs = [*snakemake, "all", "--cores", "2", "pairs"]
            measured("jobs", folder, *jobs, *bundles, pairs=n, bundle=arguments.bundle)
            alone = ["--config", "manifest=few.csv", "results=few", "device=cpu", "threads=1"]
            measured("jobs", folder, *jobs, *alone, pairs=few, bundle=0)
        if "node" in arguments.only:
            target = ["--cores", "1", *bundles, "--target-jobs", f"bundle:bundle={_a_bundle(folder)}"]
            measured("node", folder, *snakemake, "all", "--force", "--nolock", *target, pairs=n)
        if "tables" in arguments.only:
            names = [f"{i:04}" for i in range(side)]
            grid = write_results(folder / "records", names, names, {"default": {}})
            measured("tables", folder, *nst, "tables", str(grid), "-o", "out", records=n)


def _a_bundle(folder: Path) -> str:
    from nst.grid.bundles import bundled
    from nst.grid.config import load_config
    from nst.grid.inputs import Files
    from nst.grid.pairs import read_grid

    os.chdir(folder)
    given = {"bundle": json.loads((folder / "nst.yaml").read_text().split("\n")[0].partition(":")[2]), "device": "cuda"}
    config = load_config({**given, "settings": {"size": 256}})
    files = Files()
    return bundled(read_grid(config.manifest, config, files), config, files)[0].name


if __name__ == "__main__":
    main()
