"""The grid: all pairs of a manifest, each a content, a style and settings."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TextIO, TypeVar

from nst import layout, limits
from nst.errors import NstError, problems_of
from nst.grid.cells import StyleItem, mean_mask_problem, parse_contents, parse_style_cell, styles_text
from nst.grid.config import Config
from nst.grid.inputs import ColumnProblem, Files, Styles, local, mask_problems
from nst.grid.manifest import Manifest, Problem, Row, read_manifest
from nst.grid.names import Slugs, blend_name, stem, title
from nst.grid.variants import Variants
from nst.io.urls import redacted
from nst.settings import Settings, differing, fields, pictures, text, uses_seed

T = TypeVar("T")

#: Characters of the longest style whose title is the text in the manifest.
MAX_TITLE = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """A content image, a style (or a blend) and settings."""

    content: str
    styles: Styles
    settings: Settings
    content_name: str
    style_name: str
    settings_name: str
    settings_title: str
    row: int  # the first line of the manifest with this pair
    basis: Settings  # the defaults overridden by the preset
    style_text: str = ""  # the style as in the manifest, if it has a mean

    @property
    def id(self) -> str:
        """The id content/style/settings, which is also the path below the folder of all pairs."""
        return f"{self.content_name}/{self.style_name}/{self.settings_name}"

    @property
    def content_title(self) -> str:
        """The name of the content with accents and spaces."""
        return title(stem(self.content), self.content_name)

    @property
    def style_title(self) -> str:
        """The name of the style with accents and spaces; mean(monet/*.jpg) as in the manifest, if it is short."""
        if 0 < len(self.style_text) <= MAX_TITLE:
            return redacted(self.style_text)
        return title(blend_name(self.styles), self.style_name)

    def folder(self, results: str) -> str:
        """The folder of the pair's files."""
        return layout.pair_folder(results, self.id)

    def image(self, results: str, format: str) -> str:
        """The path of the stylized image."""
        return f"{self.folder(results)}/image.{format}"

    @property
    def pictures(self) -> list[str]:
        """Paths and URLs of the inputs, as in the manifest: content, styles, and the images in the settings."""
        return [self.content, *(path for path, _ in self.styles), *pictures(self.settings).values()]

    def with_local_pictures(self, results: str) -> Pair:
        """The pair with each URL replaced by the path of the copy that the workflow's rule `fetch` makes."""
        named = {name: local(path, results) for name, path in pictures(self.settings).items()}
        return replace(
            self,
            content=local(self.content, results),
            styles=tuple((local(path, results), share) for path, share in self.styles),
            settings=self.settings.model_copy(update=named),
        )


_NAMES = ("content_name", "style_name", "settings_name")
_TITLES = ("content_title", "style_title", "settings_title")
_NOUNS = ("contents", "styles", "choices of settings")
_COLUMNS = ("id", "content", "style", *_NAMES, "row", "folder", "image", *_TITLES)


def read_grid(manifest: str | Path, config: Config | None = None, files: Files | None = None) -> list[Pair]:
    """The pairs of a manifest, in its order.

    Raises Problems with a line `manifest.csv:ROW: COLUMN: …` for each mistake, and NstError for a file that is not a
    table.
    """
    return expand(read_manifest(manifest), config or Config(), files or Files())


def expand(manifest: Manifest, config: Config, files: Files) -> list[Pair]:
    """The pairs of all rows: for each row the product of its cells, without duplicates.

    Accesses the file system only through `files`. Raises Problems with all mistakes, including those found while
    reading.
    """
    expansion = _Expansion(manifest, config, files)
    for row in manifest.rows:
        expansion.add(row)
    return expansion.finish()


class _Expansion:
    """A grid while its rows are added."""

    def __init__(self, manifest: Manifest, config: Config, files: Files):
        self._manifest = manifest
        self._files = files
        self._variants = Variants(config, files)
        # (values, problems) of each distinct cell
        self._contents: dict[str, tuple[list[str], list[str]]] = {}
        self._styles: dict[str, tuple[list[StyleItem], list[str]]] = {}
        self._content_slug, self._style_slug = Slugs(), Slugs()
        self._pairs: dict[tuple[str, Styles, str], Pair] = {}
        self._problems = list(manifest.problems)
        self._pictures: list[tuple[int, str, str]] = []  # (line, column, path), to be checked at the end
        self._requested = 0
        self._blended = 0

    def add(self, row: Row) -> None:
        """Add the pairs of a row and its problems."""
        contents = self._cell(row, "content", parse_contents, self._contents)
        cells = len(self._styles)
        styles = self._cell(row, "style", parse_style_cell, self._styles)
        if len(self._styles) > cells:
            self._count_blended(row, styles)
        variants, wrong = self._variants.of(row.cells)
        self._problems += [Problem(row.line, column, message) for column, message in wrong]
        self._count(row, len(contents), len(styles), len(variants))
        self._pictures += [(row.line, "content", path) for path in contents]
        paths = dict.fromkeys(path for style in styles for path, _ in style.styles)
        self._pictures += [(row.line, "style", path) for path in paths]
        clashes: dict[str, str] = {}
        masks: dict[tuple[str, str], None] = {}
        keys = [variant.name.casefold() for variant in variants]
        names = [self._style_slug(styles_text(style), blend_name(style)) for style, _ in styles]
        for content in contents:
            content_name = self._content_slug(content, stem(content))
            for (style, written), style_name in zip(styles, names, strict=True):
                for key, (settings, basis, name, shown) in zip(keys, variants, strict=True):
                    known = self._pairs.get((content, style, key))
                    if known is None:
                        self._pairs[content, style, key] = Pair(
                            content, style, settings, content_name, style_name, name, shown, row.line, basis, written
                        )
                        if settings.content_mask or settings.style_mask or settings.protect:
                            masks.update(dict.fromkeys(self._mask_problems(settings, content, style, written)))
                    elif known.settings != settings:  # one would overwrite the other
                        clashes.setdefault(key, _two_settings(name, known, settings, row.line))
        self._problems += [Problem(row.line, "name", message) for message in clashes.values()]
        self._problems += [Problem(row.line, column, message) for column, message in masks]

    def finish(self) -> list[Pair]:
        """All pairs. Raises Problems if there are any."""
        self._files.read_sizes(path for _, _, path in self._pictures)
        for line, column, path in self._pictures:
            if problem := self._files.picture_problem(path):
                self._problems.append(Problem(line, column, problem))
        if self._problems:
            raise self._manifest.error(self._problems)
        return list(self._pairs.values())

    def _count(self, row: Row, *sizes: int) -> None:
        """Raise Problems for too many pairs, before they are created."""
        self._requested += math.prod(max(1, size) for size in sizes)
        if self._requested > limits.PAIRS:
            product = " × ".join(f"{size:,} {noun}" for size, noun in zip(sizes, _NOUNS, strict=True))
            message = f"has {product}; with the rows above, more than {limits.PAIRS:,} pairs: split the manifest"
            raise self._manifest.error([*self._problems, Problem(row.line, "", message)])

    def _count_blended(self, row: Row, styles: list[StyleItem]) -> None:
        """Raise Problems if the blends of the manifest need too much memory: a short mean may have many styles."""
        self._blended += sum(len(item.styles) for item in styles)
        if self._blended > limits.BLENDED:
            message = f"with the rows above, blends of more than {limits.BLENDED:,} styles in total: split the manifest"
            raise self._manifest.error([*self._problems, Problem(row.line, "style", message)])

    def _mask_problems(self, settings: Settings, content: str, style: Styles, written: str) -> list[ColumnProblem]:
        if problem := mean_mask_problem(written, style, settings):
            return [problem.as_column()]
        return mask_problems(settings, content, style, self._files.size)

    def _cell(
        self,
        row: Row,
        column: str,
        parse: Callable[[str, Files], list[T]],
        parsed: dict[str, tuple[list[T], list[str]]],
    ) -> list[T]:
        """The values of a cell; its problems are added. Each distinct cell is parsed once: `parsed` has the results."""
        cell = row.cells.get(column, "")
        if cell and cell not in parsed:
            try:
                parsed[cell] = parse(cell, self._files), []
            except NstError as error:
                parsed[cell] = [], [*problems_of(error)]
        values, messages = parsed.get(cell, ([], []))
        self._problems += [Problem(row.line, column, message) for message in messages]
        return values


def _two_settings(name: str, known: Pair, settings: Settings, here: int) -> str:
    differ = ", ".join(differing(settings, known.settings))
    if known.row == here:
        return f"{name!r} would be the name of several values of {differ}; give each its own row and `name`"
    return f"{name!r} is the name of another value of {differ} on line {known.row}; give each row a `name`"


def equal_images(pairs: Iterable[Pair]) -> int:
    """The number of pairs that differ from an earlier one only in a `seed` that has no effect."""
    idle = {(pair.content, pair.styles, pair.settings) for pair in pairs if not uses_seed(pair.settings)}
    return len(idle) - len({(content, styles, s.model_copy(update={"seed": 0})) for content, styles, s in idle})


def print_grid_csv(
    pairs: Iterable[Pair], file: TextIO, results: str, format: str, bundles: Mapping[str, str] | None = None
) -> None:
    """Write grid.csv to an open file. `bundles`: names of bundles by pair id, for an additional column."""
    writer = csv.writer(file, lineterminator="\n")
    more = ("bundle",) if bundles else ()
    writer.writerow((*_COLUMNS, *more, *fields()))
    for p in pairs:
        names = (p.content_name, p.style_name, p.settings_name, p.row)
        paths = (p.folder(results), p.image(results, format))
        titles = (p.content_title, p.style_title, p.settings_title, *([bundles[p.id]] if bundles else []))
        styles = _redacted_text(p.styles)
        writer.writerow((p.id, redacted(p.content), styles, *names, *paths, *titles, *_texts(p.settings)))


@lru_cache(maxsize=1024)
def _redacted_text(styles: Styles) -> str:
    return styles_text(tuple((redacted(path), share) for path, share in styles))


@lru_cache(maxsize=1024)
def _texts(settings: Settings) -> tuple[str, ...]:
    return tuple(redacted(text(getattr(settings, name))) for name in fields())
