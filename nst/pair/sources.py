"""The input files of a pair. Each is read once, so that the recorded hash is that of the decoded bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from nst.images import ImageFile, Picture, picture_size, read_file, read_picture


class Sources:
    """Images by path. A file is read at the first access; size, hash and pixels come from the same bytes.

    All methods raise NstError for a file that cannot be read or is not an image.
    """

    def __init__(self) -> None:
        self._contents: dict[str, ImageFile] = {}

    def read(self, path: str, **size: Any) -> Picture:
        """The image at a size; arguments as for `read_picture`. Its arrays must not be changed: other pairs get them.

        Decoding and resizing a photograph takes longer than a GPU needs for a pair, so that images that the pairs of a
        worker share are kept.
        """
        file = self._content(path)
        key = (file.sha256, *sorted(size.items()))
        picture = _recent.get(key)
        if picture is None:
            picture = read_picture(file, **size)
            _recent.keep(key, picture)
        return picture

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


class RecentPictures:
    """The most recently used images, up to `most_bytes` in memory. Safe to use from several threads."""

    def __init__(self, most_bytes: int):
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pictures: OrderedDict[Hashable, Picture] = OrderedDict()  # the least recently used first
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Picture | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def keep(self, key: Hashable, picture: Picture) -> None:
        """Keep an image, unless it takes more than a quarter of the memory."""
        with self._lock:
            if key in self._pictures or _bytes(picture) > self._most_bytes // 4:
                return
            self._pictures[key] = picture
            self._bytes += _bytes(picture)
            while self._bytes > self._most_bytes:
                _, oldest = self._pictures.popitem(last=False)
                self._bytes -= _bytes(oldest)


def _bytes(picture: Picture) -> int:
    return picture.pixels.nbytes + (0 if picture.alpha is None else picture.alpha.nbytes)


#: 256 MB: 120 images of 512 × 341 px.
_recent = RecentPictures(256_000_000)
