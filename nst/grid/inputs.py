"""The files that a manifest names: found once, looked at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from nst import layout, limits
from nst.errors import NstError
from nst.grid import globbing
from nst.grid.names import short_hash, slug, stem, url_path
from nst.io.files import is_file, is_folder, sha256
from nst.io.urls import redacted
from nst.settings import Settings, mask_problem, nearest

#: Paths of styles and their weights, which sum to 1.
Styles = tuple[tuple[str, float], ...]

#: Column and sentence of something wrong.
Wrong = tuple[str, str]

#: What a glob takes for a picture.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".bmp", ".gif",
)  # fmt: skip

#: Wildcards and path variables.
_SNAKEMAKES = re.compile(r"\{\s*\w+\s*(,[^{}]*)?\}|<\w+>")

#: Names of a folder that a missing file's is compared with.
_SIBLINGS = 1000

#: Characters that break a line, or that a terminal obeys.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: A `|` is no character of a URL: a list of URLs is a list.
_URL = re.compile(r"(https?|s3)://[^\s|]+")


def is_url(path: str) -> bool:
    """Whether the workflow fetches it; such files are not checked here."""
    return _URL.fullmatch(path) is not None


def local(path: str, results: str) -> str:
    """Where a picture is read: a file as it is; of a URL, the copy in the results that the rule `fetch` makes."""
    if not is_url(path):
        return path
    suffix = PurePath(url_path(path)).suffix.lower()
    name = f"{slug(stem(path))}-{short_hash(redacted(path), 8)}{suffix if suffix in SUFFIXES else ''}"
    return f"{results}/{layout.DOWNLOADS}/{name}"


def tidy(path: str) -> str:
    """One spelling for ./a.jpg and a.jpg; symlinks and `..` stay as they are. NstError for a URL that is none."""
    if problem := url_problem(path):
        raise NstError(problem)
    return path if is_url(path) else PurePath(path).as_posix()


def has_control(text: str) -> bool:
    """Whether it has a control character or a line break, which would break tables and messages."""
    return _CONTROL.search(text) is not None


def url_problem(path: str) -> str:
    """What is wrong with a URL; '' for one that is well formed, and for a file."""
    if not is_url(path):
        return ""
    try:
        server = urlsplit(path).netloc and urlsplit(path).hostname
        _ = urlsplit(path).port
    except ValueError as error:
        return f"{path} is not a valid URL ({error}); copy it again"
    return "" if server else f"{path} is not a valid URL (it names no server); copy it again"


class Files:
    """Answers about files, each asked of the file system once."""

    def __init__(self) -> None:
        self._exists: dict[str, bool] = {}
        self.matches: dict[str, tuple[str, ...]] = {}
        """Of each pattern that was asked for the pictures that it matches."""
        self.skipped: dict[str, list[str]] = {}
        """Of each pattern the files that it matches and that are no pictures by their suffix."""
        self._pictures: dict[str, tuple[int, int] | str] = {}
        self._digests: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._names: dict[Path, list[str]] = {}
        self._suggested = 0

    def exists(self, path: str) -> bool:
        """Whether it is a file, or a URL."""
        if path not in self._exists:
            self._exists[path] = is_url(path) or is_file(path)
        return self._exists[path]

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The pictures, by their suffix, that a pattern matches, sorted; `**` reaches into folders.

        The suffix of a pattern matches in upper and lower case: cameras write IMG_0001.JPG. Raises NstError for a
        pattern that looks at too much.
        """
        if pattern not in self.matches:
            found = globbing.expand(_whatever_case(pattern))
            pictures = [path for path in found if path.lower().endswith(SUFFIXES)]
            others = {*found} - {*pictures}
            self.skipped[pattern] = sorted(path for path in others if is_file(path))
            self.matches[pattern] = tuple(tidy(path) for path in pictures if self.exists(path))
        return self.matches[pattern]

    def look(self, paths: Iterable[str]) -> None:
        """Read the headers of many pictures at once, so that what follows need not wait for a slow disk."""
        new = [path for path in dict.fromkeys(paths) if path not in self._pictures]
        if len(new) > 16:
            with ThreadPoolExecutor(8) as pool:
                self._pictures.update(zip(new, pool.map(self._look, new), strict=True))
        else:
            self._pictures.update((path, self._look(path)) for path in new)

    def picture_problem(self, path: str) -> str:
        """What is wrong with a picture and what would be right; '' for a good one and for a URL."""
        self.look([path])
        seen = self._pictures[path]
        return seen if isinstance(seen, str) else ""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file; '' of a URL and of what is not there."""
        if path not in self._digests:
            try:
                self._digests[path] = sha256(Path(path)) if not is_url(path) and self.exists(path) else ""
            except OSError:  # it has vanished since it was asked for
                self._digests[path] = ""
        return self._digests[path]

    def file_problem(self, path: str) -> str:
        """What is wrong with a path that should be a file; '' for a file and for a URL."""
        return url_problem(path) or ("" if self.exists(path) else self._missing(path))

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) of a picture; (0, 0) for a URL or a broken file."""
        self.look([path])
        seen = self._pictures[path]
        return (0, 0) if isinstance(seen, str) else seen

    def _look(self, path: str) -> tuple[int, int] | str:
        if is_url(path):
            if problem := url_problem(path):
                return problem
            same = self._urls.setdefault(redacted(path), path) == path
            return (0, 0) if same else f"{redacted(path)} is named with two passwords, tokens or signatures; use one"
        if not self.exists(path):
            return self._missing(path)
        if sentence := _unusable(path):
            return sentence
        from nst.images import whole_picture_size  # numpy and Pillow: only now

        try:
            return whole_picture_size(path)
        except NstError as error:
            return str(error)

    def _missing(self, path: str) -> str:
        if is_folder(path):
            return f"{path} is a folder; name a file in it, or {path.rstrip('/')}/*"
        try:
            near = self._near(Path(path))
        except PermissionError as error:
            return f"{path} cannot be read ({error.strerror}); check its permissions, and those of its folder"
        except (OSError, ValueError):  # also a name that no file can have
            near = ""
        if near:
            return f"there is no file {path}; did you mean {near}?"
        return f"there is no file {path}; give its path from the working directory"

    def _near(self, path: Path) -> str:
        """The file of its folder whose name is most like it; only for as many as are printed: it takes long."""
        if path.parent not in self._names:
            with os.scandir(path.parent) as entries:
                self._names[path.parent] = sorted(entry.name for entry in islice(entries, _SIBLINGS))
        self._suggested += 1
        if self._suggested > limits.PROBLEMS:
            return ""
        near = nearest(path.name, self._names[path.parent])
        return path.with_name(near).as_posix() if near else ""


def mask_problems(
    settings: Settings, content: str, styles: Styles, size: Callable[[str], tuple[int, int]]
) -> list[Wrong]:
    """(column, sentence) for each mask that does not suit the pictures of a pair; `size` gives (width, height)."""
    wrong = []
    if sentence := mask_problem(len(styles), settings):
        column, _, sentence = sentence.partition(": ")
        wrong.append((column, sentence))
    for column, picture in (("content_mask", content), ("style_mask", styles[0][0])):
        mask = getattr(settings, column)
        if mask and not _same_aspect(size(mask), size(picture)):
            wrong.append((
                column,
                f"{mask} is {'×'.join(map(str, size(mask)))} px, another shape than {picture} with "
                f"{'×'.join(map(str, size(picture)))}; draw it at that picture's aspect",
            ))  # fmt: skip
    return wrong


def _same_aspect(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Within a pixel of a rounded side; yes where a size is unknown."""
    if not (all(mask) and all(picture)):
        return True
    return abs(mask[0] * picture[1] / (mask[1] * picture[0]) - 1) <= 0.01 + 1 / min(mask)


def _whatever_case(pattern: str) -> str:
    """A pattern whose suffix matches in upper and lower case: `*.jpg` becomes `*.[jJ][pP][gG]`."""
    stem, dot, suffix = pattern.rpartition(".")
    if not dot or set(suffix) & set("/[]"):
        return pattern
    return stem + dot + re.sub("[a-zA-Z]", lambda letter: f"[{letter[0].lower()}{letter[0].upper()}]", suffix)


def _unusable(path: str) -> str:
    """What Snakemake, or a table, cannot have in the name of a file; '' where there is nothing of it."""
    if has_control(path):
        return f"{path!r}: its name has a control character or a line break; rename the file or folder"
    if read := _SNAKEMAKES.search(path):
        return f"{path!r}: Snakemake takes {read[0]} in a name for one of its own; rename the file or folder"
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{path!r}: its name is not UTF-8; rename the file or folder"
    return ""
