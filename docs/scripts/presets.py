"""Render the figure of presets.md: a content, a style, and the results of the five presets for style strength.

    python docs/scripts/presets.py [--work FOLDER] [NAME...]

Stylizes with the named presets, by default all, and skips images that are in the work folder. Draws the sheet when all
are there.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nst
from nst.summaries.drawing import Cell, Layout, draw_sheet

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
CONTENT, STYLE = (str(ROOT / f"data/{name}.jpg") for name in ("content/portrait", "style/wave"))
NAMES = ("subtle", "medium", "strong", "keep-colors", "portrait")
SIZE, ITERATIONS = 256, 100


def stylize(name: str, path: Path) -> None:
    nst.stylize(CONTENT, STYLE, preset=name, size=SIZE, iterations=ITERATIONS).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], default=[])
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or NAMES:
            if not (work / f"{name}.png").exists():
                stylize(name, work / f"{name}.png")
        if all((work / f"{name}.png").exists() for name in NAMES):
            row = [Cell(CONTENT, "content"), Cell(STYLE, "style")]
            row += [Cell(str(work / f"{name}.png"), name) for name in NAMES]
            subtitle = f"VGG-19, {SIZE} px, {ITERATIONS} iterations"
            draw_sheet(Layout("presets", subtitle, [row], (0, 2)), PICTURES / "presets.jpg")


if __name__ == "__main__":
    main()
