"""Render the figure on photorealism in presets.md: pairs stylized with the preset `photo`, and without photo_weight.

    python docs/scripts/photo.py [--work FOLDER]

Skips images that are in the work folder.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nst
from nst.settings import presets
from nst.summaries.drawing import Cell, Layout, draw_sheet

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
PAIRS = {"content/harbour": "content/street"}
SIZE, ITERATIONS = 256, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        rows = [row(content, style, work) for content, style in PAIRS.items()]
        draw_sheet(Layout("photo", f"VGG-19, {SIZE} px, {ITERATIONS} iterations", rows, (0, 2)), PICTURES / "photo.jpg")


def row(content: str, style: str, work: Path) -> list[Cell]:
    inputs = [str(ROOT / f"data/{name}.jpg") for name in (content, style)]
    cells = [Cell(inputs[0], "content"), Cell(inputs[1], "style")]
    photo = presets.load("photo", presets.SHIPPED).values
    for name, changed in (("without photo_weight", {"photo_weight": 0}), ("photo", {})):
        path = work / f"{Path(content).name}-{Path(style).name}-{name.replace(' ', '-')}.png"
        if not path.exists():
            nst.stylize(*inputs, **{**photo, **changed, "size": SIZE, "iterations": ITERATIONS}).save(path)
        cells.append(Cell(str(path), name))
    return cells


if __name__ == "__main__":
    main()
