"""Parsing of manifest cells: a value, a list, a glob, a blend of styles or a mean of many."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple, TypeVar

from nst import limits
from nst.errors import NstError, Problems, problems_of
from nst.grid import means
from nst.grid.globbing import is_glob
from nst.grid.inputs import Files, Styles, is_url, tidy
from nst.grid.names import MOST_LISTED
from nst.settings import Settings, SettingsError, Wrong, counted, decimal_point, is_number, number_text

T = TypeVar("T")

_BLEND = "write a blend as wave.jpg:0.7+scream.jpg:0.3"

#: Characters of the longest name of a file, with a weight.
_LONGEST_NAME = 255 + 32


def split_list(cell: str) -> list[str]:
    """The items of `a|b|c`. Raises NstError for an empty item, and for more than `limits.ITEMS`."""
    parts = cell.count("|") + cell.count("+") + 1
    if parts > limits.ITEMS:
        raise NstError(
            f"{parts:,} items and blend parts in one cell; at most {limits.ITEMS:,} are allowed: use several rows"
        )
    items = [item.strip() for item in cell.split("|")]
    if "" in items:
        raise NstError(f"{cell!r} has an empty item; write a list as a|b|c")
    return items


class StyleItem(NamedTuple):
    """A style of a cell, single or blended."""

    styles: Styles
    text: str = ""
    """The item as written, if it has a mean; otherwise ''."""


def parse_contents(cell: str, files: Files) -> list[str]:
    """The paths of the content images of a cell. Raises Problems with a message for each wrong item."""

    def contents(item: str) -> Iterable[str]:
        return means.matches(item, files) if is_glob(item) and not files.exists(item) else [tidy(item)]

    return _parsed(cell, files, contents)


def parse_style_cell(cell: str, files: Files) -> list[StyleItem]:
    """The styles of a cell, single or blended. Raises Problems with a message for each wrong item."""
    if not files.exists(cell):
        means.check_list(cell)
    return _parsed(cell, files, lambda item: _style_items(item, files))


def _style_items(item: str, files: Files) -> list[StyleItem]:
    """The styles of an item: a blend, or each match of a glob."""
    if has_mean(item, files):
        return [StyleItem(parse_styles(item, files), " ".join(item.split()))]
    if is_glob(item) and not files.exists(item) and (files.glob(item) or not _is_blend(item, files)):
        return [StyleItem(((path, 1.0),)) for path in means.matches(item, files)]
    return [StyleItem(parse_styles(item, files))]


def _parsed(cell: str, files: Files, parse: Callable[[str], Iterable[T]]) -> list[T]:
    """What the items of a cell mean, without duplicates."""
    values: dict[T, None] = {}
    wrong: list[str] = []
    for item in [cell] if files.exists(cell) else split_list(cell):
        try:
            values.update(dict.fromkeys(parse(item)))
        except NstError as error:
            wrong += problems_of(error)
    if wrong:
        raise Problems(wrong)
    return list(values)


def parse_blend(arguments: Sequence[str]) -> Styles:
    """The styles given as arguments: one style, a blend like `wave.jpg:0.7+scream.jpg:0.3`, or several with weights.

    Raises NstError as `parse_styles` does, and if one of several has no weight, since it may be meant as a content.
    """
    files = Files()
    if len(arguments) > 1 and not all(_has_weight(text, files) for text in arguments):
        if len(arguments) > MOST_LISTED:
            raise NstError(
                f"{len(arguments)} styles need weights; for one style from all, give their mean in quotes: "
                f"'mean({_pattern(arguments)})'"
            )
        share = f":{1 / len(arguments):.2g}"
        weighted = [text if _has_weight(text, files) else text + share for text in arguments]
        raise NstError(
            f"{', '.join(arguments)}: several styles need weights: {' '.join(weighted)}, or "
            f"{'+'.join(weighted)}; for several contents, give their folder: nst stylize FOLDER STYLE -o FOLDER"
        )
    return parse_styles("+".join(arguments), files)


def _pattern(paths: Sequence[str]) -> str:
    """A glob that may be meant by these paths."""
    return f"{PurePath(paths[0]).parent / '*'}{PurePath(paths[0]).suffix}"


def parse_styles(text: str, files: Files | None = None) -> Styles:
    """The (path, weight) pairs of a style or of a blend like `wave.jpg:0.7+scream.jpg:0.3` or `mean(monet/*.jpg)`.

    The weights are normalized to sum to 1; a missing weight is 1. A mean divides its weight equally among its images.
    `+` separates the parts, except within the path of an existing file and within a URL.

    Raises Problems for an empty part, a weight that is not a number above 0, a glob that is not within a mean, a mean
    without matches or with wrong parentheses, a path that is given twice, more than `limits.BLEND` styles, or paths of
    more than `limits.BLEND_BYTES`.
    """
    files = files or Files()
    weights: dict[str, float] = {}
    wrong: list[str] = []
    twice: dict[str, None] = {}
    for part in _parts(text, files):
        try:
            paths, weight = _mean_and_weight(part, files) or _path_and_weight(part, text, files)
        except NstError as error:
            wrong += problems_of(error)
            continue
        for path in paths:
            if path in weights:
                twice[path] = None
            weights[path] = weight / len(paths)
    if twice:
        others = f" (and {counted(len(twice) - 1, 'other image')})" if len(twice) > 1 else ""
        wrong.append(f"{next(iter(twice))}{others} appears twice in the blend {text!r}; give it once, with one weight")
    if wrong := wrong or _too_large(text, weights):
        raise Problems(wrong)
    total = sum(weights.values())
    if math.isclose(total, 1, rel_tol=1e-9):  # as written by styles_text
        return tuple(weights.items())
    return tuple((path, weight / total) for path, weight in weights.items())


def has_mean(text: str, files: Files | None = None) -> bool:
    """Whether a style contains a mean. Raises NstError if its parentheses do not match."""
    return "mean(" in text and any(_mean(part, files or Files()) for part in _parts(text, files or Files()))


def mean_mask_problem(text: str, styles: Styles, settings: Settings) -> Wrong | None:
    """The problem of a content mask for a style with a mean, or None: regions would depend on what a folder has.

    text: the style as written, if it has a mean, otherwise ''. styles: what it was parsed to.
    """
    if not text or not settings.content_mask or len(styles) == 1:
        return None
    return Wrong(
        "content_mask",
        f"separates up to three single styles, and {text} is a mean of {len(styles)}; "
        "name single styles without mean, or leave out the mask",
    )


def check_mean_mask(text: str, styles: Styles, settings: Settings) -> None:
    """Raise SettingsError for a content mask and a style with a mean. text: the style as written."""
    if settings.content_mask and has_mean(text) and (problem := mean_mask_problem(text, styles, settings)):
        raise SettingsError([problem])


def styles_text(styles: Styles) -> str:
    """The inverse of `parse_styles`: the styles as text."""
    if len(styles) == 1:
        return styles[0][0]
    return "+".join(f"{path}:{number_text(weight)}" for path, weight in styles)


def _parts(text: str, files: Files) -> list[str]:
    """The parts of a blend. Raises NstError for too many, and for parentheses that do not match."""
    pieces, parts = [text] if _named(text, files) else text.split("+"), []
    if len(pieces) > limits.BLEND:
        raise NstError(f"{text!r} is a blend of {len(pieces):,} parts; at most {limits.BLEND} are allowed")
    while pieces:
        size = _named_pieces(pieces, files)
        if not size:
            mean = means.split_mean("+".join(pieces))
            size = len(pieces) - mean[1].count("+") if mean else 1
        parts.append("+".join(pieces[:size]).strip())
        del pieces[:size]
    return parts


def _named_pieces(pieces: Sequence[str], files: Files) -> int:
    """How many pieces form the longest path of a file, or URL, with or without a weight; 0 without one."""
    most = len(pieces) if "://" in pieces[0] else _most_pieces(pieces, files)
    return next((size for size in range(most, 0, -1) if _named("+".join(pieces[:size]), files)), 0)


def _most_pieces(pieces: Sequence[str], files: Files) -> int:
    """How many pieces a path can have: its folders exist, and its name is not too long. Trying all takes seconds."""
    text = pieces[0].lstrip()
    for size, piece in enumerate(pieces[1:], 1):
        name, slash, rest = piece.partition("/")
        text += "+" + name
        if len(text) - text.rfind("/") > _LONGEST_NAME or (slash and not files.has_folder(text)):
            return size
        text += slash + rest
    return len(pieces)


def _too_large(text: str, paths: Iterable[str]) -> list[str]:
    """A message if a blend has too many styles, or paths too long for the command line of its pair."""
    encoded = [os.fsencode(path) for path in paths]
    if len(encoded) > limits.BLEND:
        return [f"{text!r} is a blend of {len(encoded):,} styles; at most {limits.BLEND} are allowed"]
    if len(encoded) > 1 and (size := sum(map(len, encoded))) > limits.BLEND_BYTES:
        return [
            f"{text!r}: the paths of its {len(encoded)} styles have {size:,} bytes; at most {limits.BLEND_BYTES:,} are "
            "allowed: use shorter names of folders and files"
        ]
    return []


def _named(text: str, files: Files) -> bool:
    """Whether a text is an existing file or a URL, with or without a weight."""
    text = text.strip()
    path, colon, weight = text.rpartition(":")
    return files.exists(text) or (bool(colon) and not is_url(text) and is_number(weight) and files.exists(path))


def _is_blend(item: str, files: Files) -> bool:
    return len(_parts(item, files)) > 1 or _has_weight(item, files)


def _has_weight(text: str, files: Files) -> bool:
    _, colon, weight = text.rpartition(":")
    return bool(colon) and not files.exists(text) and is_number(weight)


def _mean(part: str, files: Files) -> tuple[str, str] | None:
    """The images of a part that is a mean, and what is behind its parenthesis; None for any other part."""
    return None if _named(part, files) else means.split_mean(part)


def _mean_and_weight(part: str, files: Files) -> tuple[Sequence[str], float] | None:
    """The paths of a mean and their total weight; None if the part is not a mean."""
    mean = _mean(part, files)
    if mean is None:
        return None
    paths: list[str] = []
    wrong: list[str] = []
    for inner in _parts(mean[0], files):
        try:
            paths += means.image_paths(inner, files)
        except NstError as error:
            wrong += problems_of(error)
    if wrong:
        raise Problems(wrong)
    _, colon, weight = mean[1].partition(":")
    return paths, _weight(weight.strip(), f"mean({mean[0]})") if colon else 1.0


def _path_and_weight(part: str, blend: str, files: Files) -> tuple[Sequence[str], float]:
    """The path and the weight of a part that is not a mean; blend: the whole text, for messages."""
    path, colon, weight = part.rpartition(":")
    if not colon or files.exists(part) or not (is_number(weight) or files.exists(path)):
        path, number = part, 1.0  # a colon belongs to the name
    else:
        number = _weight(weight, path)
    if not path:
        raise NstError(f"{blend!r} has an empty part; {_BLEND}")
    if is_glob(path) and not files.exists(path):
        raise NstError(f"{path} is a glob where one style is expected; for the mean of its matches write mean({path})")
    return (tidy(path),), number


def _weight(text: str, of: str) -> float:
    number = float(text) if is_number(text) else 0.0
    if not 0 < number < math.inf:
        right = decimal_point(text) or f"; {_BLEND}"
        raise NstError(f"the weight {text!r} of {of} is not a number above 0{right}")
    return number
