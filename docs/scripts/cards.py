"""Render the studio's images of the presets: one pair of sample images, stylized with each preset and with none.

    python docs/scripts/cards.py [--work FOLDER] [NAME...]

Writes nst/studio/static/presets/NAME.webp, `default` for no preset, of the named presets, by default all. Skips images
that are in the work folder. An image takes about a minute on one CPU core.

The images differ from what the presets alone give:

- They have 320 px and at most 80 iterations, 100 from noise, 400 from 64 px on. Some presets' own values take most of
  an hour on a CPU.
- `fit: keep` gives all cards the content's shape.
- `vgg16-ratio` starts from the content with a ratio of 0.01, as some of its published experiments do, because most of
  its noise is left after 1000 iterations; and it has VGG-19, so that nothing is downloaded.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image

import nst
from nst.settings import presets

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "nst/studio/static/presets"
CONTENT, STYLE = (str(ROOT / f"data/{name}.jpg") for name in ("content/harbour", "style/swirls"))
SIZE = 320
MOST_BYTES = 15_000
NAMES = ["default", *(path.stem for path in sorted(presets.SHIPPED.glob("*.yaml")))]


def stylize(name: str, path: Path) -> None:
    preset = presets.load("" if name == "default" else name, presets.SHIPPED).values
    start = time.monotonic()
    nst.stylize(CONTENT, STYLE, **{**preset, **changed(preset)}).save(path)
    print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


def changed(preset: dict[str, Any]) -> dict[str, Any]:
    """The settings in which a card differs from its preset."""
    most = 100 if preset.get("init") == "black+noise" else 400 if preset.get("coarsest") == 64 else 80
    other = {"init": "content", "content_weight": 0.01, "network": "vgg19"} if preset.get("network") == "vgg16" else {}
    return {"size": SIZE, "fit": "keep", "iterations": min(most, preset.get("iterations", most)), **other}


def write_card(source: Path, card: Path) -> None:
    """As WebP, in the best quality whose file is small enough; strong grain needs a smaller image."""
    image = Image.open(source).convert("RGB")
    for width, quality in product((SIZE, SIZE * 3 // 4), range(80, 20, -4)):
        file = io.BytesIO()
        image.resize((width, width * image.height // image.width), Image.Resampling.LANCZOS).save(
            file, "WEBP", quality=quality, method=6
        )
        if file.tell() <= MOST_BYTES:
            break
    card.write_bytes(file.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], default=[])
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    CARDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or NAMES:
            if not (work / f"{name}.png").exists():
                stylize(name, work / f"{name}.png")
            write_card(work / f"{name}.png", CARDS / f"{name}.webp")


if __name__ == "__main__":
    main()
