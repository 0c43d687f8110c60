"""Names of folders: short, readable, and safe in file names, URLs, shells and Snakemake's wildcards."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nst.io.urls import redacted
from nst.settings import PATHS, UNNAMED, Settings, differing, text

#: Maximum length of a name. The rest of a longer one is replaced by a hash.
MAX_NAME = 80

#: Maximum number of styles that the name of a blend lists.
MOST_LISTED = 8

#: Device names reserved by Windows, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

#: Letters that have no decomposition into ASCII and accents.
_LETTERS = str.maketrans(
    dict(zip("ßæÆœŒøØłŁđĐ", ["ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "d", "D"], strict=True))
)


def slug(preferred: str) -> str:
    """A safe name close to `preferred`: ASCII letters, digits, `._-`; never empty, hidden or reserved.

    It never has two hyphens in a row, which separate content and style in the names of sheets.
    """
    return _safe(preferred, r"[^A-Za-z0-9._]+")


@lru_cache(maxsize=65536)
def title(preferred: str, name: str) -> str:
    """The title for a name: the original text with accents and spaces, and the suffix that made the name unique.

    Accents are composed: file names from macOS have them decomposed, and a search would not find them.
    """
    plain = slug(preferred)
    shown = unicodedata.normalize("NFC", preferred)
    return shown + name[len(plain) :] if preferred and name.startswith(plain) else name


def short_hash(text: str, digits: int) -> str:
    """The first hexadecimal digits of a text's sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def stem(path: str) -> str:
    """The last part of a path or URL without its suffix."""
    return PurePosixPath(unquote(url_path(path)) if "://" in path else path).stem


def url_path(url: str) -> str:
    """The path of a URL; an invalid URL unchanged."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url


class Slugs:
    """Assigns a unique slug to each key, even for file systems that ignore case.

    The first key gets the preferred slug, and later keys get it with a hash appended. So a new key at the end never
    renames earlier ones.

    safe: makes a preferred name safe.
    """

    def __init__(self, safe: Callable[[str], str] = slug) -> None:
        self._safe = safe
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, key: str, preferred: str) -> str:
        key = redacted(key)  # a URL with a new signature keeps its name
        if key not in self._names:
            self._names[key] = self._free(key, self._safe(preferred))
        return self._names[key]

    def _free(self, key: str, preferred: str) -> str:
        name, digits = preferred, 6
        while name.casefold() in self._taken:
            name = f"{preferred}-{short_hash(key, digits)}"
            digits += 2
        self._taken.add(name.casefold())
        return name


@lru_cache(maxsize=1024)
def blend_name(styles: tuple[tuple[str, float], ...]) -> str:
    """The preferred name of a style or a blend: wave, or wave-0.7-scream-0.3, or mean of 60 in monet-1a2b3c.

    The hash of many styles covers their paths and weights: another painting in the folder makes another pair.
    """
    if len(styles) == 1:
        return stem(styles[0][0])
    if len(styles) <= MOST_LISTED:
        return "-".join(f"{stem(path)}-{weight:.3g}" for path, weight in styles)
    groups = [(weight, [path for path, _ in group]) for weight, group in groupby(styles, lambda style: style[1])]
    parts = [f"{_group_name('mean', paths)}-{weight * len(paths):.3g}" for weight, paths in groups]
    if len(groups) == 1:
        parts = [_group_name("mean", groups[0][1])]
    elif len(groups) > MOST_LISTED:
        parts = [_group_name("blend", [path for path, _ in styles])]
    identity = "\n".join(f"{redacted(path)}\t{weight:.6g}" for path, weight in styles)
    return "-".join([*parts, short_hash(identity, 6)])


def _group_name(kind: str, paths: list[str]) -> str:
    """A name such as: mean of 60 in monet."""
    if len(paths) == 1:
        return stem(paths[0])
    folders = [PurePosixPath(path).parent for path in paths]
    common = len({folder.is_absolute() for folder in folders}) == 1 and not any("://" in path for path in paths)
    name = PurePosixPath(os.path.commonpath(folders)).name if common else ""
    return f"{kind} of {len(paths)}" + (f" in {name}" if name.strip(".") else "")


def settings_name(settings: Settings, basis: Settings, *, name: str = "", lists: tuple[str, ...] = ()) -> str:
    """The name of the folder for these settings.

    Without `name`: the preset, and the values that differ from `basis` (the defaults overridden by the preset);
    `default` if nothing differs. With `name`: that name, and the values of the columns `lists`.
    """
    parts = [slug(name)] if name else []
    if name:
        shown: dict[str, Any] = {column: getattr(settings, column) for column in lists}
    else:
        shown = {"preset": settings.preset} if settings.preset else {}
        shown |= differing(settings, basis)
    for column, value in shown.items():
        if column == "preset":
            parts.append(value or "no preset")
        elif column not in UNNAMED:
            parts.append(f"{column}={_shown(column, value)}")
    # `+` joins the parts, so none may contain it. Commas are excluded: Snakemake's cluster executors split wildcards
    # there.
    return _safe("+".join(part.replace("+", "-") for part in parts) or "default", r"[^A-Za-z0-9._=+-]+")


def _shown(column: str, value: Any) -> str:
    is_path = column in PATHS and value not in PATHS[column]
    return slug(stem(value)) if is_path else text(value)


def _safe(preferred: str, unsafe: str) -> str:
    plain = unicodedata.normalize("NFKD", preferred.translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(unsafe, "-", plain).strip("._-")
    if not name:  # no ASCII character is left
        name = short_hash(preferred, 6)
    if _DEVICES.match(name):
        name = f"_{name}"
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9].rstrip('._-+=')}-{short_hash(name, 8)}"
