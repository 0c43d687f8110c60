"""Parsing of manifest cells: a value, a list, a glob or a blend of styles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from nst import limits
from nst.errors import NstError, Problems, problems_of
from nst.grid.globbing import is_glob
from nst.grid.inputs import SUFFIXES, Files, Styles, is_url, tidy
from nst.settings import decimal_point, is_number, number_text

T = TypeVar("T")

_BLEND = "write a blend as wave.jpg:0.7+scream.jpg:0.3"


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


def parse_contents(cell: str, files: Files) -> list[str]:
    """The paths of the content images of a cell. Raises Problems with a message for each wrong item."""
    return _pictures(cell, files, tidy)


def parse_style_cell(cell: str, files: Files) -> list[Styles]:
    """The styles of a cell, single or blended. Raises Problems with a message for each wrong item."""
    items = _pictures(cell, files, lambda item: parse_styles(item, files))
    return [((item, 1.0),) if isinstance(item, str) else item for item in items]


def _pictures(cell: str, files: Files, parse: Callable[[str], T]) -> list[str | T]:
    """The items of a cell, with globs expanded and other items converted by `parse`."""
    pictures: list[str | T] = []
    wrong: list[str] = []
    for item in [cell] if files.exists(cell) else split_list(cell):
        try:
            if not files.exists(item) and is_glob(item):
                pictures += _matches(item, files)
            else:
                pictures.append(parse(item))
        except NstError as error:
            wrong += problems_of(error)
    if wrong:
        raise Problems(wrong)
    return list(dict.fromkeys(pictures))


def _matches(pattern: str, files: Files) -> tuple[str, ...]:
    matches = files.glob(pattern)
    if not matches:
        raise NstError(f"{pattern} matches no image ({' '.join(SUFFIXES)}); use a pattern that matches at least one")
    return matches


def parse_blend(arguments: Sequence[str]) -> Styles:
    """The styles given as arguments: one style, a blend like `wave.jpg:0.7+scream.jpg:0.3`, or several with weights.

    Raises NstError as `parse_styles` does, and if one of several has no weight, since it may be meant as a content.
    """
    files = Files()
    if len(arguments) > 1 and not all(_has_weight(text, files) for text in arguments):
        share = f":{1 / len(arguments):.2g}"
        weighted = [text if _has_weight(text, files) else text + share for text in arguments]
        raise NstError(
            f"{', '.join(arguments)}: several styles need weights: {' '.join(weighted)}, or "
            f"{'+'.join(weighted)}; for several contents, give their folder: nst stylize FOLDER STYLE -o FOLDER"
        )
    return parse_styles("+".join(arguments), files)


def parse_styles(text: str, files: Files | None = None) -> Styles:
    """The (path, weight) pairs of a style or of a blend like `wave.jpg:0.7+scream.jpg:0.3`.

    The weights are normalized to sum to 1; a missing weight is 1. `+` separates the parts, except within the path of an
    existing file and within a URL.

    Raises NstError for an empty part, a weight that is not a number above 0, a path that is given twice, or more than
    `limits.BLEND` parts.
    """
    files = files or Files()
    parts = [text] if _named(text, files) else text.split("+")
    if len(parts) > limits.BLEND:
        raise NstError(f"{text!r} is a blend of {len(parts):,} parts; at most {limits.BLEND} are allowed")
    weights: dict[str, float] = {}
    while parts:
        size = next((n for n in range(len(parts), 0, -1) if _named("+".join(parts[:n]), files)), 1)
        path, weight = _path_and_weight("+".join(parts[:size]).strip(), files)
        del parts[:size]
        if not path:
            raise NstError(f"{text!r} has an empty part; {_BLEND}")
        if path in weights:
            raise NstError(f"{path} appears twice in the blend {text!r}; give it once, with one weight")
        weights[path] = weight
    total = sum(weights.values())
    if math.isclose(total, 1, rel_tol=1e-9):  # as written by styles_text
        return tuple(weights.items())
    return tuple((path, weight / total) for path, weight in weights.items())


def styles_text(styles: Styles) -> str:
    """The inverse of `parse_styles`: the styles as text."""
    if len(styles) == 1:
        return styles[0][0]
    return "+".join(f"{path}:{number_text(weight)}" for path, weight in styles)


def _named(text: str, files: Files) -> bool:
    """Whether a text is an existing file or a URL, with or without a weight."""
    text = text.strip()
    path, colon, weight = text.rpartition(":")
    return files.exists(text) or (bool(colon) and not is_url(text) and is_number(weight) and files.exists(path))


def _has_weight(text: str, files: Files) -> bool:
    _, colon, weight = text.rpartition(":")
    return bool(colon) and not files.exists(text) and is_number(weight)


def _path_and_weight(text: str, files: Files) -> tuple[str, float]:
    path, colon, weight = text.rpartition(":")
    if not colon or files.exists(text):
        return tidy(text) if text else "", 1.0
    if not is_number(weight) and not files.exists(path):  # the colon belongs to the name
        return tidy(text), 1.0
    number = float(weight) if is_number(weight) else 0.0
    if not 0 < number < math.inf:
        right = decimal_point(weight) or f"; {_BLEND}"
        raise NstError(f"the weight {weight!r} of {path} is not a number above 0{right}")
    return tidy(path) if path else "", number
