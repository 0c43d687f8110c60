"""The input files of a pair. Each is read once, so that the recorded hash is that of the decoded bytes."""

from __future__ import annotations

from typing import Any

from nst.images import ImageFile, Picture, picture_size, read_file, read_picture


class Sources:
    """Images by path. A file is read at the first access; size, hash and pixels come from the same bytes.

    All methods raise NstError for a file that cannot be read or is not an image.
    """

    def __init__(self) -> None:
        self._contents: dict[str, ImageFile] = {}

    def read(self, path: str, **size: Any) -> Picture:
        """The image at a size; arguments as for `read_picture`."""
        return read_picture(self._content(path), **size)

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) in px."""
        return picture_size(self._content(path))

    def sha256(self, path: str) -> str:
        """The SHA-256 of the file in hexadecimal digits."""
        return self._content(path).sha256

    def _content(self, path: str) -> ImageFile:
        if path not in self._contents:
            self._contents[path] = read_file(path)
        return self._contents[path]
