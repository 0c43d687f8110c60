"""Names of folders: short, readable, and safe in file names, URLs, shells and Snakemake's wildcards."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nst.io.urls import redacted
from nst.settings import PATHS, UNNAMED, Settings, differing, text

#: Longest name before a hash stands for the rest.
LONGEST = 80

#: Names that Windows keeps for devices, whatever their suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

#: Letters that have no decomposition into ASCII and accents.
_LETTERS = str.maketrans(
    dict(zip("ßæÆœŒøØłŁđĐ", ["ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "d", "D"], strict=True))
)


def slug(wish: str) -> str:
    """A name as close to `wish` as is safe: ASCII letters, digits, `._-`; never empty, hidden or reserved.

    It has no two hyphens in a row, which stand between content and style in the names of sheets.
    """
    return _safe(wish, r"[^A-Za-z0-9._]+")


@lru_cache(maxsize=65536)
def title(wish: str, name: str) -> str:
    """A name as people read it: what it was made from, with its umlauts and spaces, and what made it unique."""
    plain = slug(wish)
    return wish + name[len(plain) :] if wish and name.startswith(plain) else name


def short_hash(text: str, digits: int) -> str:
    """The first hexadecimal digits of a text's sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def stem(path: str) -> str:
    """The last part of a path or URL without its suffix."""
    return PurePosixPath(unquote(url_path(path)) if "://" in path else path).stem


def url_path(address: str) -> str:
    """The path of a URL; of what is none, all of it."""
    try:
        return urlsplit(address).path
    except ValueError:
        return address


class Slugs:
    """Gives each key a slug of its own, even where a file system ignores case.

    The first key that wishes for a slug gets it and later ones add a hash of theirs, so that a new key at the
    end never renames what came before.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, key: str, wish: str) -> str:
        key = redacted(key)  # a URL that was signed again keeps its name
        if key not in self._names:
            self._names[key] = self._free(key, slug(wish))
        return self._names[key]

    def _free(self, key: str, wish: str) -> str:
        name, digits = wish, 6
        while name.casefold() in self._taken:
            name = f"{wish}-{short_hash(key, digits)}"
            digits += 2
        self._taken.add(name.casefold())
        return name


def style_wish(styles: tuple[tuple[str, float], ...]) -> str:
    """What a style or a blend would be called: wave, or wave-0.7-scream-0.3."""
    if len(styles) == 1:
        return stem(styles[0][0])
    return "-".join(f"{stem(path)}-{weight:.3g}" for path, weight in styles)


def settings_name(settings: Settings, basis: Settings, *, name: str = "", lists: tuple[str, ...] = ()) -> str:
    """The folder of one choice of settings.

    Without `name`: the preset and the values that differ from `basis`, the package's defaults overlaid by the
    preset; `default` when nothing differs. With `name`: that, and the values of the columns `lists`.
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
    # A plus is in no part once it is safe, and a comma is what Snakemake's executors for clusters split wildcards at.
    return _safe("+".join(part.replace("+", "-") for part in parts) or "default", r"[^A-Za-z0-9._=+-]+")


def _shown(column: str, value: Any) -> str:
    is_path = column in PATHS and value not in PATHS[column]
    return slug(stem(value)) if is_path else text(value)


def _safe(wish: str, unsafe: str) -> str:
    plain = unicodedata.normalize("NFKD", wish.translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(unsafe, "-", plain).strip("._-")
    if not name:  # nothing of it is ASCII
        name = short_hash(wish, 6)
    if _DEVICES.match(name):
        name = f"_{name}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9].rstrip('._-+=')}-{short_hash(name, 8)}"
