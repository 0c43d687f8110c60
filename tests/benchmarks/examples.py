"""A small run of the manifests of config/examples, to look at.

    python tests/benchmarks/examples.py --work FOLDER [NAME...]

Each is stylized by the real workflow into FOLDER/NAME, at a smaller size, with a share of its iterations and with
VGG-19 in the place of VGG-16, whose weights are rarely at hand; all else is unchanged. What is there already is kept.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

from nst.settings import defaults, number_text, presets

ROOT = Path(__file__).parents[2]
FEWEST = 10


def smaller(manifest: Path, size: int, share: float) -> list[dict[str, str]]:
    """The rows of a manifest with less work in each."""
    lines = [line for line in manifest.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    for row in rows:
        given = presets.load(row.get("preset") or "").values
        asked = row.get("iterations") or str(given.get("iterations", defaults().iterations))
        fewer = [max(FEWEST, round(share * float(cell))) for cell in asked.split("|")]
        row["iterations"] = "|".join(map(number_text, fewer))
        row["size"] = str(size)
        row["frame_interval"] = str(max(1, min(fewer) // FEWEST))
        if "snapshot_interval" in given:
            row["snapshot_interval"] = str(max(1, round(share * given["snapshot_interval"])))
        if given.get("network") == "vgg16":
            row["network"] = "vgg19"
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=sorted(path.stem for path in ROOT.glob("config/examples/*.csv")))
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--share", type=float, default=0.1, help="of the iterations")
    parser.add_argument("--cores", default="all")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.names:
        rows = smaller(ROOT / f"config/examples/{name}.csv", arguments.size, arguments.share)
        results = arguments.work.resolve() / name
        results.mkdir(parents=True, exist_ok=True)
        with (results / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        config = [f"manifest={results / 'manifest.csv'}", f"results={results}"]
        command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", arguments.cores, "--config", *config]
        subprocess.run([*command, "--", "sheets", "tables"], check=True, cwd=ROOT)
        print(name, flush=True)


if __name__ == "__main__":
    main()
