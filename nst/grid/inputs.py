"""The input files of a manifest; each is checked once."""

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
from nst.settings import Settings, is_number, mask_problem, nearest, pictures

#: Paths of the styles and their weights, which sum to 1.
Styles = tuple[tuple[str, float], ...]

#: Column and message of a problem.
ColumnProblem = tuple[str, str]

#: Suffixes of images that a glob matches.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".bmp", ".gif",
)  # fmt: skip

#: Text that Snakemake interprets as a wildcard or a path variable.
_SNAKEMAKE_SYNTAX = re.compile(r"\{\s*\w+\s*(,[^{}]*)?\}|<\w+>")

#: Maximum number of file names that are compared with a missing one.
_MAX_SIBLINGS = 1000

#: Control characters and line breaks.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Without `|`, which separates the URLs of a list.
_URL = re.compile(r"(https?|s3)://[^\s|]+")


def is_url(path: str) -> bool:
    """Whether it is a URL (http, https, s3), which the workflow downloads."""
    return _URL.fullmatch(path) is not None


def local(path: str, results: str) -> str:
    """The path from which an image is read: of a URL, the copy in the results that the rule `fetch` makes."""
    if not is_url(path):
        return path
    suffix = PurePath(url_path(path)).suffix.lower()
    name = f"{slug(stem(path))}-{short_hash(redacted(path), 8)}{suffix if suffix in SUFFIXES else ''}"
    return f"{results}/{layout.DOWNLOADS}/{name}"


def tidy(path: str) -> str:
    """The normalized path: ./a.jpg becomes a.jpg; symlinks and `..` are kept. Raises NstError for an invalid URL."""
    if problem := url_problem(path):
        raise NstError(problem)
    return path if is_url(path) else PurePath(path).as_posix()


def has_control(text: str) -> bool:
    """Whether a text has a control character or a line break, which would break tables and messages."""
    return _CONTROL.search(text) is not None


def list_hint(item: str, is_item: Callable[[str], bool]) -> str:
    """The end of a message about an item that is a list with other separators: `; a list is written 4|16`; else ''."""
    parts = [part.strip() for part in re.split("[;,]", item)]
    is_list = len(parts) > 1 and not is_number(item.replace(",", ".")) and all(map(is_item, parts))
    return f"; a list is written {'|'.join(parts)}" if is_list else ""


def url_problem(path: str) -> str:
    """The problem of an invalid URL; '' for a valid URL and for a file."""
    if not is_url(path):
        return ""
    try:
        server = urlsplit(path).netloc and urlsplit(path).hostname
        _ = urlsplit(path).port  # raises ValueError for an invalid one
    except ValueError as error:
        return f"{path} is not a valid URL ({error}); copy it again"
    return "" if server else f"{path} is not a valid URL (it has no server name); copy it again"


class Files:
    """A cache of what the file system says about the input files.

    Args:
        folder: where relative paths begin, for all but globs; by default the working directory.
    """

    def __init__(self, folder: Path = Path()) -> None:
        self._folder = folder
        self._exists: dict[str, bool] = {}
        self.matches: dict[str, tuple[str, ...]] = {}
        """The matching images of each pattern."""
        self.skipped: dict[str, list[str]] = {}
        """The other matching files of each pattern, whose suffix is not that of an image."""
        self._pictures: dict[str, tuple[int, int] | str] = {}  # the size of an image, or its problem
        self._digests: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._names: dict[Path, list[str]] = {}
        self._suggested = 0

    def exists(self, path: str) -> bool:
        """Whether a path is an existing file or a URL."""
        if path not in self._exists:
            self._exists[path] = is_url(path) or is_file(self._folder / path)
        return self._exists[path]

    def has_folder(self, path: str) -> bool:
        """Whether a path is an existing folder."""
        return is_folder(self._folder / path)

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The images that match a pattern, by suffix, sorted; `**` matches folders recursively.

        The suffix matches in upper and lower case, because cameras write IMG_0001.JPG. Raises NstError for a pattern
        that visits too many files.
        """
        if pattern not in self.matches:
            paths = globbing.expand(_whatever_case(pattern))
            pictures = [path for path in paths if path.lower().endswith(SUFFIXES)]
            others = {*paths} - {*pictures}
            self.skipped[pattern] = sorted(path for path in others if is_file(path))
            self.matches[pattern] = tuple(tidy(path) for path in pictures if self.exists(path))
        return self.matches[pattern]

    def read_sizes(self, paths: Iterable[str]) -> None:
        """Read the headers of many images in parallel, because a disk may be slow."""
        new = [path for path in dict.fromkeys(paths) if path not in self._pictures]
        if len(new) > 16:
            with ThreadPoolExecutor(8) as pool:
                self._pictures.update(zip(new, pool.map(self._read_size, new), strict=True))
        else:
            self._pictures.update((path, self._read_size(path)) for path in new)

    def picture_problem(self, path: str) -> str:
        """The problem of an image and how to fix it; '' for a good image and for a URL."""
        self.read_sizes([path])
        size = self._pictures[path]
        return size if isinstance(size, str) else ""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file; '' for a URL or a missing file."""
        if path not in self._digests:
            try:
                self._digests[path] = sha256(self._folder / path) if not is_url(path) and self.exists(path) else ""
            except OSError:  # deleted since the check
                self._digests[path] = ""
        return self._digests[path]

    def file_problem(self, path: str) -> str:
        """The problem of a path that should be a file; '' for a file and for a URL."""
        return url_problem(path) or ("" if self.exists(path) else self._missing(path))

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) of an image in pixels; (0, 0) for a URL or a broken file."""
        self.read_sizes([path])
        size = self._pictures[path]
        return (0, 0) if isinstance(size, str) else size

    def _read_size(self, path: str) -> tuple[int, int] | str:
        if is_url(path):
            if problem := url_problem(path):
                return problem
            if self._urls.setdefault(redacted(path), path) != path:
                return f"{redacted(path)} appears with two different passwords, tokens or signatures; use one of them"
            return 0, 0
        if not self.exists(path):
            return self._missing(path)
        if message := _unusable(path):
            return message
        from nst.images import intact_picture_size  # imports numpy and Pillow, which take time

        try:
            return intact_picture_size(self._folder / path)
        except NstError as error:
            return str(error)

    def _missing(self, path: str) -> str:
        if self.has_folder(path):
            return f"{path} is a folder; give a file in it, or {path.rstrip('/')}/*"
        try:
            near = self.similar(Path(path))
        except PermissionError as error:
            return f"{path} cannot be read ({error.strerror}); check its permissions, and those of its folder"
        hint = list_hint(path, self.exists) or near or "; give its path relative to the working directory"
        return f"there is no file {path}{hint}"

    def similar(self, path: Path) -> str:
        """A suggestion for a path that does not exist, ready to append: '; did you mean photos/a.jpg?'; '' for none.

        Raises PermissionError if its folder cannot be read.
        """
        try:
            near = self._near(path)
        except PermissionError:
            raise
        except (OSError, ValueError):  # also for an impossible name
            return ""
        return f"; did you mean {near}?" if near else ""

    def _near(self, path: Path) -> str:
        """The file with the most similar name in the folder; '' after `limits.PROBLEMS` searches, which are slow."""
        if path.parent not in self._names:
            with os.scandir(self._folder / path.parent) as entries:
                self._names[path.parent] = sorted(entry.name for entry in islice(entries, _MAX_SIBLINGS))
        self._suggested += 1
        if self._suggested > limits.PROBLEMS:
            return ""
        near = nearest(path.name, self._names[path.parent])
        return path.with_name(near).as_posix() if near else ""


def mask_problems(
    settings: Settings, content: str, styles: Styles, size: Callable[[str], tuple[int, int]]
) -> list[ColumnProblem]:
    """(column, message) for each mask that does not fit the images of a pair; `size` returns (width, height)."""
    wrong = []
    if problem := mask_problem(len(styles), settings):
        wrong.append(problem.as_column())
    if settings.protect == "faces":
        from nst.images import faces

        if message := faces.missing():
            wrong.append(("protect", f"faces {message}"))
    masks = {"content_mask": content, "style_mask": styles[0][0], "protect": content}
    for column, mask in pictures(settings).items():
        picture = masks.get(column)
        if picture and not _same_aspect(size(mask), size(picture)):
            wrong.append((
                column,
                f"{mask} is {'×'.join(map(str, size(mask)))} px, but {picture} is "
                f"{'×'.join(map(str, size(picture)))} px; use a mask with the same aspect ratio",
            ))  # fmt: skip
    return wrong


def _same_aspect(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether the aspect ratios agree, to within a rounded pixel; True if a size is unknown."""
    if not (all(mask) and all(picture)):
        return True
    return abs(mask[0] * picture[1] / (mask[1] * picture[0]) - 1) <= 0.01 + 1 / min(mask)


def _whatever_case(pattern: str) -> str:
    """The pattern with a suffix that matches in upper and lower case: `*.jpg` becomes `*.[jJ][pP][gG]`."""
    stem, dot, suffix = pattern.rpartition(".")
    if not dot or set(suffix) & set("/[]"):
        return pattern
    return stem + dot + re.sub("[a-zA-Z]", lambda letter: f"[{letter[0].lower()}{letter[0].upper()}]", suffix)


def _unusable(path: str) -> str:
    """The problem of a file name that Snakemake or a table cannot handle; '' if there is none."""
    if has_control(path):
        return f"{path!r}: the name contains a control character or a line break; rename the file or folder"
    if read := _SNAKEMAKE_SYNTAX.search(path):
        return f"{path!r}: Snakemake would interpret {read[0]} in the name; rename the file or folder"
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{path!r}: the name is not UTF-8; rename the file or folder"
    return ""
