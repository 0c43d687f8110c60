"""The files of a pair, each read once: what its record names is what was stylized."""

from __future__ import annotations

from typing import Any

from nst.images import Content, Picture, contents, picture_size, read_picture


class Sources:
    """Pictures by their paths. A file is read when it is first asked for: size, hash and pixels are of those bytes.

    All methods raise NstError for a file that cannot be read, or is no picture.
    """

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}

    def read(self, path: str, **size: Any) -> Picture:
        """A picture at a size, as `read_picture` gives it."""
        return read_picture(self._content(path), **size)

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) in px."""
        return picture_size(self._content(path))

    def sha256(self, path: str) -> str:
        """The hash of the file, in hexadecimal digits."""
        return self._content(path).sha256

    def _content(self, path: str) -> Content:
        if path not in self._contents:
            self._contents[path] = contents(path)
        return self._contents[path]
