"""Render the first picture of the README: a photograph and a painting beside the result.

    python docs/scripts/hero.py [--work FOLDER]

Uses the result in the work folder if there is one. It takes 15 minutes on two cores and 5 GB of memory.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from recipes import ROOT, draw

import nst
from nst.settings import presets

CONTENT, STYLE = ROOT / "data/content/harbour.jpg", ROOT / "data/style/swirls.jpg"
HEIGHT = 560


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = (arguments.work or Path(temporary)) / "hero.png"
        if not result.exists():
            result.parent.mkdir(parents=True, exist_ok=True)
            values = presets.load("nnst", presets.SHIPPED).values | {"size": 768, "content_match": 0.75}
            nst.stylize(str(CONTENT), str(STYLE), **values).save(result)
        draw([CONTENT, STYLE], result, ROOT / "docs/pictures/hero.jpg", HEIGHT)


if __name__ == "__main__":
    main()
