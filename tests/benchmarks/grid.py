"""What a large grid costs before anything is stylized: `nst grid`, a dry run of Snakemake, and `import nst`.

    python tests/benchmarks/grid.py --pairs 10000

Makes tiny images and a manifest in a temporary folder. Prints JSON: seconds of each command (the import alone,
without starting Python), and the milliseconds that a pair adds to the dry run.
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
    snakemake = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "-n", "--quiet", "all"]
    nst = [sys.executable, "-c", "import sys; from nst.cli import main; sys.exit(main(['grid']))"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, side, side)
        dry = seconds(folder, *snakemake)
        report = {
            "pairs": side**2,
            "nst_grid_seconds": seconds(folder, *nst),
            "snakemake_dry_run_seconds": dry,
            "milliseconds_a_pair": 1000 * dry / side**2,
            "import_nst_seconds": float(subprocess.check_output([sys.executable, "-c", IMPORT], cwd=REPOSITORY)),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
