"""What a large grid costs before anything is stylized: `nst grid`, a dry run of Snakemake, and `import nst`.

    python tests/benchmarks/grid.py --pairs 10000

Makes tiny images and a manifest in a temporary folder. Prints JSON: seconds of each command (the import alone,
without starting Python), the milliseconds that a pair adds to the dry run, and what Snakemake takes for as many jobs of
a bare rule, with one input and one output.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all"]
#: A Snakefile of as many jobs, to be formatted with their number.
BARE = """
rule all:
    input: expand("bare/{{n}}", n=range({}))
rule bare:
    input: "Snakefile"
    output: "bare/{{n}}"
    shell: "touch {{output}}"
"""
IMPORT = "import time; began = time.perf_counter(); import nst; print(time.perf_counter() - began)"


def seconds(folder: Path, *command: str) -> float:
    """How long a command takes; it must succeed."""
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def write_project(folder: Path, contents: int, styles: int) -> None:
    """A manifest of contents × styles."""
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text("settings: {size: 256}\n")
    (folder / "config/manifest.csv").write_text("content,style\ncontent-*.png,style-*.png\n")
    for kind, count in (("content", contents), ("style", styles)):
        for i in range(count):
            Image.new("RGB", (16, 16), (i % 256, i // 256, 100)).save(folder / f"{kind}-{i:04}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="rounded down to a square")
    side = math.isqrt(parser.parse_args().pairs)
    nst = [sys.executable, "-c", "import sys; from nst.cli import main; sys.exit(main(['grid']))"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, side, side)
        dry = seconds(folder, *SNAKEMAKE, "-s", str(REPOSITORY / "Snakefile"))
        (folder / "Snakefile").write_text(BARE.format(side**2))
        report = {
            "pairs": side**2,
            "nst_grid_seconds": seconds(folder, *nst),
            "snakemake_dry_run_seconds": dry,
            "bare_rule_dry_run_seconds": seconds(folder, *SNAKEMAKE),
            "milliseconds_a_pair": 1000 * dry / side**2,
            "import_nst_seconds": float(subprocess.check_output([sys.executable, "-c", IMPORT], cwd=REPOSITORY)),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
