"""Render the pictures of docs/recipes.md by running the commands on that page.

    python docs/scripts/recipes.py [--work FOLDER] [NAME...]

Runs the command below each picture, or below the named ones, and draws its content and styles beside its result. Skips
results that are in the work folder. A recipe takes about half a minute on two cores.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from nst.grid.cells import parse_blend
from nst.images import read_picture

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/recipes.md"
PICTURES = ROOT / "docs/pictures/recipes"
_RECIPE = re.compile(r"!\[[^\]]*\]\(pictures/recipes/([\w-]+)\.jpg\)\n\n```sh\n(nst stylize [^`]+)\n```")
HEIGHT, GAP, MOST_INPUTS = 256, 6, 7


def recipes() -> dict[str, list[str]]:
    """The arguments of each recipe's command, by the name of its picture."""
    found = _RECIPE.findall(PAGE.read_text("utf-8"))
    return {name: shlex.split(command.replace("\\\n", " "))[1:] for name, command in found}


def stylize(arguments: list[str], output: Path) -> None:
    place = arguments.index("-o") + 1
    changed = [*arguments[:place], str(output), *arguments[place + 1 :]]
    subprocess.run([sys.executable, "-m", "nst", *changed], cwd=ROOT, check=True)


def inputs(arguments: list[str]) -> list[Path]:
    """The content and the styles of a command."""
    content, *styles = arguments[1 : arguments.index("-o")]
    parts = parse_blend(
        tuple(str(ROOT / style) if "(" not in style else style.replace("(", f"({ROOT}/") for style in styles)
    )
    return [ROOT / content, *(Path(path) for path, _ in parts)][:MOST_INPUTS]


def draw(images: list[Path], result: Path, target: Path, height: int = HEIGHT) -> None:
    """Write the inputs, in columns, beside the result. Each column is as high as the result."""
    rows = len(images) if len(images) < 4 else 4
    columns = [images[first : first + rows] for first in range(0, len(images), rows)]
    parts = [_column([read_image(path) for path in column], height) for column in [*columns, [result]]]
    strip = Image.new("RGB", (sum(part.width for part in parts) + GAP * len(columns), height), "white")
    left = 0
    for part in parts:
        strip.paste(part, (left, 0))
        left += part.width + GAP
    target.parent.mkdir(parents=True, exist_ok=True)
    strip.save(target, quality=86, optimize=True)


def _column(images: list[Image.Image], height: int) -> Image.Image:
    """The images below one another, all with the width at which they fill the height."""
    width = round((height - GAP * (len(images) - 1)) / sum(image.height / image.width for image in images))
    column = Image.new("RGB", (width, height), "white")
    top = 0
    for number, image in enumerate(images, 1):
        bottom = height if number == len(images) else top + round(width * image.height / image.width)
        column.paste(image.resize((width, bottom - top), Image.Resampling.LANCZOS), (0, top))
        top = bottom + GAP
    return column


def read_image(path: Path) -> Image.Image:
    """An image file, upright and in sRGB."""
    return Image.fromarray((read_picture(path).pixels * 255).round().astype("uint8"))


def main() -> None:
    known = recipes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*known, []], default=[])
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or known:
            result = work.resolve() / f"{name}.png"
            if not result.exists():
                stylize(known[name], result)
            draw(inputs(known[name]), result, PICTURES / f"{name}.jpg")


if __name__ == "__main__":
    main()
