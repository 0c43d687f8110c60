"""Render the README's figures of the demo: the sheet of all pairs, and that of one pair with five style weights.

make demo && python docs/scripts/demo.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
SHEETS = {"demo": "demo", "sweep": "sweeps/lake--wave"}


def main() -> None:
    for name, sheet in SHEETS.items():
        with Image.open(ROOT / f"results/sheets/{sheet}.png") as image:
            image.convert("RGB").save(PICTURES / f"{name}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
