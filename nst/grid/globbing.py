"""Globs with limits. `glob.glob` would follow cyclic symlinks, and could scan a whole disk."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from nst import limits
from nst.errors import NstError
from nst.io.files import exists, is_folder

#: Characters that make a part of a path a pattern.
_MAGIC = re.compile(r"[*?[]")

#: Folders, by device and inode number.
_Folders = tuple[tuple[int, int], ...]


def is_glob(text: str) -> bool:
    """Whether a text contains a glob pattern."""
    return _MAGIC.search(text) is not None


def expand(pattern: str) -> list[str]:
    """The paths that match a pattern, sorted, without duplicates; `**` matches folders recursively, including symlinks.

    As in a shell, hidden files match only a part that begins with a dot. Raises NstError for a pattern that visits more
    than `limits.GLOB_ENTRIES` files, or more than `limits.GLOB_DEPTH` nested folders.
    """
    path = PurePath(pattern)
    parts = path.parts[1:] if path.anchor else path.parts
    return sorted({*_Walk(pattern).matches(path.anchor, parts, ())})


class _Walk:
    """The expansion of one pattern; counts the visited entries."""

    def __init__(self, pattern: str):
        self._pattern = pattern
        self._visited = 0

    def matches(self, folder: str, parts: tuple[str, ...], above: _Folders) -> Iterator[str]:
        """The matches of `parts` below a folder ('' is the working directory). `above`: folders that `**` passed."""
        if folder.count(os.sep) > limits.GLOB_DEPTH:
            raise self._refused(f"goes through more than {limits.GLOB_DEPTH} folders")
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self._anywhere(folder, parts, above)
        elif is_glob(part):
            fits = re.compile(fnmatch.translate(os.path.normcase(part))).match
            for entry in self._entries(folder, fits, hidden=part.startswith(".")):
                yield from self._below(entry.path, rest)
        else:
            path = str(Path(folder, part))
            if exists(path):
                yield from self._below(path, rest)

    def _below(self, path: str, rest: tuple[str, ...]) -> Iterator[str]:
        if not rest:
            yield path
        elif is_folder(path):
            yield from self.matches(path, rest, ())

    def _anywhere(self, folder: str, parts: tuple[str, ...], above: _Folders) -> Iterator[str]:
        try:
            status = Path(folder).stat()
        except OSError:
            return
        current = (status.st_dev, status.st_ino)
        if current in above:  # a symlink to a parent folder
            return
        if len(parts) > 1:
            yield from self.matches(folder, parts[1:], ())
        for entry in self._entries(folder):
            if len(parts) == 1:
                yield entry.path
            if _is_folder(entry):
                yield from self.matches(entry.path, parts, (*above, current))

    def _entries(
        self, folder: str, fits: Callable[[str], object] = lambda name: True, *, hidden: bool = False
    ) -> Iterator[os.DirEntry[str]]:
        """The entries of a folder; none if it cannot be read."""
        try:
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    self._visited += 1
                    if self._visited > limits.GLOB_ENTRIES:
                        raise self._refused(f"visits more than {limits.GLOB_ENTRIES:,} files")
                    if (hidden or not entry.name.startswith(".")) and fits(os.path.normcase(entry.name)):
                        yield entry
        except OSError:
            return

    def _refused(self, reason: str) -> NstError:
        return NstError(f"{self._pattern} {reason}; give the folder that the images are in")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
