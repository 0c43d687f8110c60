"""The syntax of `mean(monet/*.jpg+wave.jpg)`: one style from many works, blended with equal weights."""

from __future__ import annotations

import re
from pathlib import Path

from nst.errors import NstError
from nst.grid.globbing import is_glob
from nst.grid.inputs import SUFFIXES, Files, tidy
from nst.settings import did_you_mean, is_number

HELP = "write the mean of several styles as mean(monet/*.jpg) or mean(a.jpg+b.jpg)"

_OPENING, _PARENTHESIS = "mean(", re.compile(r"[()]")
#: A list within a mean.
_LISTED = re.compile(r"mean\([^()|]*\|")


def split_mean(text: str) -> tuple[str, str] | None:
    """The images of a mean at the beginning of a text, and the text behind its parenthesis; None without a mean.

    `mean(x).jpg` is the name of a file, not a mean. Raises NstError if the parentheses do not match.
    """
    text = text.lstrip()
    if not text.startswith(_OPENING):
        return None
    depth = 0
    for sign in _PARENTHESIS.finditer(text):
        depth += 1 if sign[0] == "(" else -1
        if depth == 0:
            inside, behind = text[len(_OPENING) : sign.start()], text[sign.end() :]
            if behind.lstrip()[:1] == ")":
                break
            return (inside, behind) if behind.lstrip()[:1] in ("", "+", ":") else None
    raise NstError(f"{text!r}: its parentheses do not match; {HELP}")


def check_list(cell: str) -> None:
    """Raise NstError for a list within a mean, at which the cell would be split."""
    if _LISTED.search(cell):
        raise NstError(f"{cell!r} has | within a mean, where + separates the images; {HELP}")


def image_paths(part: str, files: Files) -> tuple[str, ...]:
    """The images of one part of a mean: a path, or the matches of a glob.

    Raises NstError for an empty part, a part with a weight, a nested mean, and a glob without matches.
    """
    part = part.strip()
    if not part:
        raise NstError(f"a mean has an empty part; {HELP}")
    if files.exists(part):
        return (tidy(part),)
    if split_mean(part):
        raise NstError(f"{part} is a mean within a mean; give all images to one: mean(monet/*.jpg+degas/*.jpg)")
    path, colon, weight = part.rpartition(":")
    if colon and is_number(weight):
        raise NstError(
            f"{part} has a weight within a mean, where all are equal; leave it out, or give the weight to the whole "
            f"mean: mean({path}):{weight}+other.jpg"
        )
    return matches(part, files) if is_glob(part) else (tidy(part),)


def matches(pattern: str, files: Files) -> tuple[str, ...]:
    """The images that match a glob, sorted. Raises NstError if there is none."""
    found = files.glob(pattern)
    if not found:
        hint = _near_match(pattern, files) or "; use a pattern that matches at least one"
        raise NstError(f"{pattern} matches no image ({' '.join(SUFFIXES)}){hint}")
    return found


def _near_match(pattern: str, files: Files) -> str:
    """A hint for a pattern whose folder cannot be found or whose suffix is not that of an image; '' for others."""
    path = Path(pattern)
    folder = next((parent for parent in path.parents if not is_glob(str(parent))), Path())
    if files.has_folder(str(folder)):
        return "" if path.suffix.lower() in SUFFIXES else did_you_mean(path.suffix, SUFFIXES)
    try:
        return f"; there is no folder {folder.as_posix()}{files.similar(folder) or '; check the path'}"
    except PermissionError:
        return f"; the folder of {folder.as_posix()} cannot be read; check its permissions"
