"""The grid: every pair of pictures and settings that a manifest asks for."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from nst import layout, limits
from nst.errors import NstError, problems_of
from nst.grid.cells import parse_contents, parse_style_cell, parse_styles, styles_text
from nst.grid.config import Config
from nst.grid.inputs import Files, Styles, local, mask_problems
from nst.grid.manifest import Complaint, Manifest, Row, read_manifest
from nst.grid.names import Slugs, stem, style_wish, title
from nst.grid.variants import Variants
from nst.io.urls import redacted
from nst.settings import Settings, differing, fields, pictures, text

__all__ = [
    "Pair",
    "expand",
    "parse_styles",
    "read_grid",
    "styles_text",
]


@dataclass(frozen=True, slots=True)
class Pair:
    """A content, a style (or a blend) and the settings to stylize them with."""

    content: str
    styles: Styles
    settings: Settings
    content_name: str
    style_name: str
    settings_name: str
    settings_title: str
    row: int  # the line of the manifest that asked first
    basis: Settings  # the package's defaults overlaid by the preset

    @property
    def id(self) -> str:
        """content/style/settings: its place among the pairs."""
        return f"{self.content_name}/{self.style_name}/{self.settings_name}"

    @property
    def content_title(self) -> str:
        """The content's name as people read it."""
        return title(stem(self.content), self.content_name)

    @property
    def style_title(self) -> str:
        """The style's name as people read it."""
        return title(style_wish(self.styles), self.style_name)

    def folder(self, results: str) -> str:
        """Where its files are."""
        return layout.pair_folder(results, self.id)

    def image(self, results: str, format: str) -> str:
        """Where its picture is."""
        return f"{self.folder(results)}/image.{format}"

    @property
    def pictures(self) -> list[str]:
        """What it is stylized from: content, styles, and what its settings name; addresses as the manifest has them."""
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

    Raises Problems with every mistake at once, a line `manifest.csv:ROW: COLUMN: …` each, and NstError for a
    file that is no table.
    """
    return expand(read_manifest(manifest), config or Config(), files or Files())


def expand(manifest: Manifest, config: Config, files: Files) -> list[Pair]:
    """The product of each row's cells, rows added up, exact duplicates dropped.

    Of the world outside it asks `files` only. Raises Problems with every mistake, those of reading included.
    """
    expansion = _Expansion(manifest, config, files)
    for row in manifest.rows:
        expansion.add(row)
    return expansion.finish()


class _Expansion:
    """What is known of a grid while its rows are added."""

    def __init__(self, manifest: Manifest, config: Config, files: Files):
        self._manifest = manifest
        self._files = files
        self._variants = Variants(config, files)
        self._contents: dict[str, tuple[list[str], list[str]]] = {}
        self._styles: dict[str, tuple[list[Styles], list[str]]] = {}
        self._content_slug, self._style_slug = Slugs(), Slugs()
        self._pairs: dict[tuple[str, Styles, str], Pair] = {}
        self._complaints = list(manifest.complaints)
        self._pictures: list[tuple[int, str, str]] = []  # (line, column, path) to be looked at in the end
        self._asked = 0

    def add(self, row: Row) -> None:
        """Add the pairs of a row, or complain."""
        contents, styles = self._content_cell(row), self._style_cell(row)
        variants, wrong = self._variants.of(row.cells)
        self._complaints += [Complaint(row.line, column, sentence) for column, sentence in wrong]
        self._count(row, len(contents), len(styles), len(variants))
        self._pictures += [(row.line, "content", path) for path in contents]
        paths = dict.fromkeys(path for style in styles for path, _ in style)
        self._pictures += [(row.line, "style", path) for path in paths]
        clashes: dict[str, str] = {}
        masks: dict[tuple[str, str], None] = {}
        keys = [variant.name.casefold() for variant in variants]
        for content in contents:
            content_name = self._content_slug(content, stem(content))
            for style in styles:
                style_name = self._style_slug(styles_text(style), style_wish(style))
                for key, (settings, basis, name, shown) in zip(keys, variants, strict=True):
                    known = self._pairs.get((content, style, key))
                    if known is None:
                        self._pairs[content, style, key] = Pair(
                            content, style, settings, content_name, style_name, name, shown, row.line, basis
                        )
                        if settings.content_mask or settings.style_mask:
                            masks.update(dict.fromkeys(mask_problems(settings, content, style, self._files.size)))
                    elif known.settings != settings:  # one would overwrite the other
                        clashes.setdefault(key, _two_settings(name, known, settings, row.line))
        self._complaints += [Complaint(row.line, "name", sentence) for sentence in clashes.values()]
        self._complaints += [Complaint(row.line, column, sentence) for column, sentence in masks]

    def finish(self) -> list[Pair]:
        """All pairs; raises Problems if anything is wrong."""
        self._files.look(path for _, _, path in self._pictures)
        for line, column, path in self._pictures:
            if problem := self._files.picture_problem(path):
                self._complaints.append(Complaint(line, column, problem))
        if self._complaints:
            raise self._manifest.problems(self._complaints)
        return list(self._pairs.values())

    def _count(self, row: Row, *sizes: int) -> None:
        """Raise Problems where the rows ask for too many pairs, before they are made."""
        self._asked += math.prod(max(1, size) for size in sizes)
        if self._asked > limits.PAIRS:
            product = " × ".join(f"{size:,} {noun}" for size, noun in zip(sizes, _NOUNS, strict=True))
            sentence = f"asks for {product}; with the rows above a grid has at most {limits.PAIRS:,} pairs: split it"
            raise self._manifest.problems([*self._complaints, Complaint(row.line, "", sentence)])

    def _content_cell(self, row: Row) -> list[str]:
        cell = row.cells.get("content", "")
        if cell and cell not in self._contents:
            try:
                self._contents[cell] = parse_contents(cell, self._files), []
            except NstError as error:
                self._contents[cell] = [], [*problems_of(error)]
        contents, sentences = self._contents.get(cell, ([], []))
        self._complaints += [Complaint(row.line, "content", sentence) for sentence in sentences]
        return contents

    def _style_cell(self, row: Row) -> list[Styles]:
        cell = row.cells.get("style", "")
        if cell and cell not in self._styles:
            try:
                self._styles[cell] = parse_style_cell(cell, self._files), []
            except NstError as error:
                self._styles[cell] = [], [*problems_of(error)]
        styles, sentences = self._styles.get(cell, ([], []))
        self._complaints += [Complaint(row.line, "style", sentence) for sentence in sentences]
        return styles


def _two_settings(name: str, known: Pair, settings: Settings, here: int) -> str:
    differ = ", ".join(differing(settings, known.settings))
    if known.row == here:
        return f"{name!r} would stand for several values of {differ}; give each a row and a `name` of its own"
    return f"{name!r} stands on line {known.row} for another value of {differ}; give the rows a `name` each"




def print_grid_csv(
    pairs: Iterable[Pair], file: TextIO, results: str, format: str, bundles: Mapping[str, str] | None = None
) -> None:
    """Write grid.csv: a line a pair with its names, places and settings; with `bundles`, by id, one column more."""
    writer = csv.writer(file, lineterminator="\n")
    more = ("bundle",) if bundles else ()
    writer.writerow((*_COLUMNS, *more, *fields()))
    for p in pairs:
        names = (p.content_name, p.style_name, p.settings_name, p.row)
        places = (p.folder(results), p.image(results, format))
        titles = (p.content_title, p.style_title, p.settings_title, *([bundles[p.id]] if bundles else []))
        styles = styles_text(tuple((redacted(path), share) for path, share in p.styles))
        writer.writerow((p.id, redacted(p.content), styles, *names, *places, *titles, *_texts(p.settings)))


@lru_cache(maxsize=1024)
def _texts(settings: Settings) -> tuple[str, ...]:
    return tuple(redacted(text(getattr(settings, name))) for name in fields())
