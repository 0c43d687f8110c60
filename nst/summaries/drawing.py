"""Drawing of contact sheets: images with captions on a white background.

To stay within MAX_SIDE and MAX_PIXELS, the images of a sheet are reduced from LARGEST pixels (or the size of the
largest result) down to SMALLEST. A layout that is too large even then (above about 60 × 60) makes a larger sheet.
Details below very small images are left out, because they would be illegible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst.errors import NstError
from nst.images import picture_size, read_picture
from nst.images.metadata import exif_block, mark, png_text
from nst.io.files import replacing
from nst.summaries.pages import relative_link, viewable, write_page

MAX_SIDE = 6000
MAX_PIXELS = 18_000_000
LARGEST, SMALLEST = 512, 64
_ENLARGED = 256  # minimum side to which small results are enlarged, in pixels
_CAPTIONED = 120  # minimum side of images with a detail below

_JPEG: dict[str, Any] = {"quality": 92, "subsampling": 0, "exif": exif_block(mark("sheet"))}
_PNG = {"pnginfo": png_text(mark("sheet"))}
_SUFFIXES: dict[str, dict[str, Any]] = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG}
_INK, _MUTED, _EMPTY = "#1b1d1f", "#6a6e73", "#f1f1ef"


@dataclass(frozen=True)
class Cell:
    """An image and the captions below it. `note` replaces a missing image.

    `clip` is the path of an animation, which HTML pages show when the image is pointed at.
    """

    picture: str = ""
    label: str = ""
    detail: str = ""
    note: str = ""
    clip: str = ""


@dataclass(frozen=True)
class Layout:
    """The contents of a sheet. None is an empty cell."""

    title: str
    subtitle: str
    rows: Sequence[Sequence[Cell | None]]
    inputs: tuple[int, int] = (0, 0)  # number of rows and columns of inputs, set apart from the results
    heads: Sequence[str] = ()  # above the columns of results
    sides: Sequence[str] = ()  # beside the rows of results
    footer: str = ""


class _Measures:
    """The distances and text sizes of a sheet in pixels, derived from the side of its images."""

    def __init__(self, side: int):
        self.side = side
        self.gap = max(5, round(side * 0.045))
        self.gutter = self.gap * 3  # between inputs and results
        self.margin = max(24, round(side * 0.13))
        self.label = min(24, max(9, round(side * 0.048)))
        self.detail = min(20, max(8, round(side * 0.041)))


def draw_sheet(layout: Layout, out: Path) -> None:
    """Draw a layout as PNG or JPEG, or write it as an HTML page, by the suffix of `out`."""
    if out.suffix.lower() == ".html":
        return write_page(
            out, "sheet.html", layout=layout, link=partial(relative_link, folder=out.parent), viewable=viewable
        )
    options = _SUFFIXES.get(out.suffix.lower())
    if options is None:
        raise NstError(f"{out}: a sheet is written as .png, .jpg or .html; choose one of these suffixes")
    sheet = _Sheet(layout).draw()
    with replacing(out) as temporary:
        sheet.save(temporary, **options)


def picture_side(rows: int, columns: int) -> int:
    """The side in pixels of the square for each image."""
    wide, high = columns * 1.06 + 0.6, rows * 1.2 + 0.9  # size of the sheet in images, with gaps and captions
    side = min(MAX_SIDE / wide, MAX_SIDE / high, (MAX_PIXELS / (wide * high)) ** 0.5)
    return int(min(LARGEST, max(SMALLEST, side)))


class _Sheet:
    """A sheet while it is being drawn."""

    def __init__(self, layout: Layout):
        self.layout = layout
        columns = max(map(len, layout.rows))
        self.cells = [[*row, *[None] * (columns - len(row))] for row in layout.rows]
        self.m = _Measures(min(picture_side(len(self.cells), columns), max(_ENLARGED, self._longest_side())))
        self.pictures = [[_load(cell, self.m.side) for cell in row] for row in self.cells]
        self.heights = [self._row_height(i) for i in range(len(self.cells))]
        self._fit_inputs()
        self.widths = [self._column_width(j) for j in range(columns)]
        self.lefts = self._lefts()
        width = self.lefts[-1] + self.widths[-1] + self.m.margin
        self.title_size = max(round(self.m.side * 0.06), round(min(width, MAX_SIDE) * 0.012), 16)
        self.tops = self._tops()
        bottom = self.tops[-1] + self.heights[-1] + self._captions(len(self.cells) - 1)
        footer = round(self.m.detail * 2.6) if layout.footer else 0
        self.image = Image.new("RGB", (width, bottom + footer + self.m.margin), "white")
        self.pen = ImageDraw.Draw(self.image)

    def draw(self) -> Image.Image:
        margin, width = self.m.margin, self.image.width - 2 * self.m.margin
        self._text((margin, margin), self.layout.title, self.title_size, _INK, width, anchor="la", bold=True)
        below = margin + round(self.title_size * 1.45)
        self._text((margin, below), self.layout.subtitle, self._subtitle_size, _MUTED, width, anchor="la")
        for i, row in enumerate(self.cells):
            for j, cell in enumerate(row):
                if cell:
                    self._cell(i, j, cell)
        self._heads_and_sides()
        foot = (margin, self.image.height - margin)
        self._text(foot, self.layout.footer, self.m.detail, _MUTED, width, anchor="ld")
        return self.image

    # ------------------------------------------------------------ measuring

    def _longest_side(self) -> int:
        """The longest side of all results in pixels: larger copies would show no more detail."""
        first_row, first_column = self.layout.inputs
        results = [cell for row in self.cells[first_row:] for cell in row[first_column:] if cell and cell.picture]
        return max((_side(cell.picture) for cell in results), default=LARGEST)

    @property
    def _subtitle_size(self) -> int:
        return max(10, round(self.title_size * 0.56))

    def _row_height(self, i: int) -> int:
        """The height of the highest result, or else of the highest input."""
        results = [p.height for p in self.pictures[i][self.layout.inputs[1] :] if p]
        return max(results or [p.height for p in self.pictures[i] if p] or [round(self.m.side * 0.75)])

    def _column_width(self, j: int) -> int:
        return max([p.width for row in self.pictures if (p := row[j])] or [self.m.side])

    def _fit_inputs(self) -> None:
        """Reduce the inputs at the left to the height of the results next to them."""
        for row, height in zip(self.pictures, self.heights, strict=True):
            for j, picture in enumerate(row[: self.layout.inputs[1]]):
                if picture and picture.height > height:
                    row[j] = _fitted(picture, self.m.side, height)

    def _captions(self, i: int) -> int:
        """The height of the captions below a row."""
        label = any(cell and cell.label for cell in self.cells[i])
        detail = self.m.side >= _CAPTIONED and any(cell and cell.detail for cell in self.cells[i])
        return round(self.m.label * 1.7 * label + self.m.detail * 1.6 * detail)

    def _lefts(self) -> list[int]:
        lefts, x = [], self.m.margin
        for j, width in enumerate(self.widths):
            if j and j == self.layout.inputs[1]:
                x += self.m.gutter - self.m.gap + round(self.m.label * 1.2) * bool(self.layout.sides)
            lefts.append(x)
            x += width + self.m.gap
        return lefts

    def _tops(self) -> list[int]:
        tops, y = [], self.m.margin + round(self.title_size * 1.45) + self.m.gutter
        y += round(self._subtitle_size * 1.5) * bool(self.layout.subtitle)
        y += round(self.m.label * 1.4) * bool(self.layout.heads)
        for i, height in enumerate(self.heights):
            if i and i == self.layout.inputs[0]:
                y += self.m.gutter - self.m.gap
            tops.append(y)
            y += height + self._captions(i) + self.m.gap
        return tops

    # ------------------------------------------------------------ drawing

    def _cell(self, i: int, j: int, cell: Cell) -> None:
        """Draw an image at the bottom of its cell, close to its caption, or a note in an empty box."""
        left, top, width, height = self.lefts[j], self.tops[i], self.widths[j], self.heights[i]
        picture = self.pictures[i][j]
        if picture:
            self.image.paste(picture, (left + (width - picture.width) // 2, top + height - picture.height))
        else:
            self.pen.rectangle((left, top, left + width - 1, top + height - 1), fill=_EMPTY)
            note = cell.note or "unreadable"
            self._text((left + width // 2, top + height // 2), note, self.m.label, _MUTED, width, anchor="mm")
        middle, y = left + width // 2, top + height + round(self.m.label * 0.45)
        if cell.label:
            self._text((middle, y), cell.label, self.m.label, _INK, width, anchor="ma")
            y += round(self.m.label * 1.4)
        if self.m.side >= _CAPTIONED:
            self._text((middle, y), cell.detail, self.m.detail, _MUTED, width, anchor="ma")

    def _heads_and_sides(self) -> None:
        first_row, first_column = self.layout.inputs
        for j, head in enumerate(self.layout.heads, first_column):
            above = (self.lefts[j] + self.widths[j] // 2, self.tops[0] - round(self.m.label * 0.5))
            self._text(above, head, self.m.label, _INK, self.widths[j], anchor="md")
        for i, side in enumerate(self.layout.sides, first_row):
            left = self.lefts[first_column] - round(self.m.label * 1.7)
            self._side(side, left, self.tops[i], self.heights[i])

    def _side(self, words: str, left: int, top: int, height: int) -> None:
        """Draw the title of a row, rotated to read upwards."""
        font = _font(self.m.label, False)
        strip = Image.new("L", (height, round(self.m.label * 1.4)))
        ImageDraw.Draw(strip).text((height // 2, 0), shortened(words, font, height), 255, font, anchor="ma")
        turned = strip.transpose(Image.Transpose.ROTATE_90)
        self.image.paste(_INK, (left, top), turned)

    def _text(
        self, at: tuple[int, int], words: str, size: int, fill: str, width: int, anchor: str, bold: bool = False
    ) -> None:
        font = _font(size, bold)
        self.pen.text(at, shortened(words, font, width), fill, font, anchor=anchor)


def shortened(words: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """The text on one line. If it is wider than `width` pixels, its middle is replaced by an ellipsis.

    Values of a sweep often have the same beginning (conv1_1+conv2_1+…) and differ at the end.
    """
    words = " ".join(words.split())
    if font.getlength(words) <= width:
        return words
    count = len(words)
    while count and font.getlength(_ends(words, count)) > width:
        count -= 1
    return _ends(words, count)


def _ends(words: str, count: int) -> str:
    """The first and the last of the characters, `count` in all, joined by an ellipsis."""
    tail = count // 2
    return words[: count - tail].rstrip() + "…" + words[len(words) - tail :].lstrip()


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which is part of matplotlib on every system."""
    package = find_spec("matplotlib")  # without importing it
    assert package is not None
    assert package.submodule_search_locations
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(package.submodule_search_locations[0], "mpl-data", "fonts", "ttf", name)), size)


def _side(picture: str) -> int:
    """The long side of an image in pixels; 0 if it cannot be read."""
    try:
        return max(picture_size(picture))
    except NstError:
        return 0


def _load(cell: Cell | None, side: int) -> Image.Image | None:
    """The image of a cell, fitted into a square; None if there is none, or if it cannot be read."""
    if not cell or not cell.picture:
        return None
    try:
        shown = min(side, max(picture_size(cell.picture)))
        pixels = read_picture(cell.picture, long_side=shown).on_white().pixels
    except NstError:
        return None
    return _fitted(Image.fromarray(np.rint(pixels * 255).astype(np.uint8)), side, side)


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The image scaled to fit. Small images are enlarged, so that all results of a sweep over sizes look equal."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)
