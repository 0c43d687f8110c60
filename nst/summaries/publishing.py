"""Publishing of a gallery: in a bucket of an S3-compatible server, or in any other folder that fsspec can write.

Only new and changed files are sent. The list of what was sent is a file next to them, which makes this possible with
any server, and which names the only files that may be deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nst import layout
from nst.errors import NstError
from nst.io.files import sha256
from nst.io.storage import PARALLEL, Storage
from nst.summaries.gallery_folders import MADE

#: The list of what was sent: {"format": 1, "files": {name: SHA-256, or null until it is sent}}.
SENT, _FORMAT = ".published.json", 1
#: What makes the other files visible, so it is sent last, in this order.
LAST = ("data.js", "index.html")
#: The files of a gallery. Others in its folder are not published, and others in the list are not deleted.
_FILE = re.compile(r"data\.js|index\.html|(?:inputs|pairs)/[0-9a-f]{16}/[^./\\\x00-\x1f][^/\\\x00-\x1f]*")

_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".webp": "image/webp",
}
#: Images keep their names when they are stylized again, so browsers use a copy for a day, not forever. All other files
#: are small, and browsers ask for each whether it has changed.
_LONG, _NONE = "public, max-age=86400", "no-cache"

#: The SHA-256 of each file by name; None until it is sent.
Listed = dict[str, str | None]
#: Called while files are sent, with (bytes so far, total bytes).
OnSent = Callable[[int, int], None]


@dataclass(frozen=True)
class Published:
    """What was done: the URL of index.html, and numbers of files."""

    url: str
    sent: int
    bytes: int
    unchanged: int
    deleted: int


def update(gallery: Path, url: str, progress: OnSent | None = None) -> Published:
    """Make the files at a URL those of a gallery.

    An interrupted call is resumed by the next one. A page is never there without its files.

    Args:
        gallery: the folder of a gallery, or a results folder.
        url: a folder, for example s3://bucket/folder. The server and the credentials are those of the environment
            variables of AWS: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …
    Raises NstError with one message if there is no gallery or if the URL cannot be written, also if it has a page that
    nst did not publish.
    """
    folder = _gallery(gallery)
    files = _files(folder)
    storage = Storage(url)
    known = _read_list(storage)
    with _threads() as pool:
        digests = dict(zip(files, pool.map(_digest, files.values()), strict=True))
        changed = [name for name in files if known.get(name) != digests[name]]
        gone = [name for name in known if name not in files]
        sizes = {name: files[name].stat().st_size for name in changed}
        if changed or gone:
            with _listed(storage, known | dict.fromkeys(changed)) as listed:
                done = 0
                for name in _send(pool, storage, {name: files[name] for name in changed}):
                    listed[name] = digests[name]
                    done += sizes[name]
                    if progress:
                        progress(done, sum(sizes.values()))
                for name, _ in zip(gone, pool.map(storage.delete, gone), strict=True):
                    del listed[name]
    return Published(
        storage.link("index.html"), len(changed), sum(sizes.values()), len(files) - len(changed), len(gone)
    )


def _gallery(folder: Path) -> Path:
    """The gallery's folder, given that or the results folder."""
    for found in (Path(folder, layout.GALLERY).parent, folder):
        if all((found / name).is_file() for name in LAST):
            return found
    raise NstError(f"{folder}: has no gallery; `nst run` makes it, or `nst gallery {folder}`")


def _files(gallery: Path) -> dict[str, Path]:
    """The files to publish, by name. What records the sources of a folder is only for its next update."""
    paths = sorted(path for path in gallery.rglob("*") if path.is_file() and path.name != MADE)
    named = {path.relative_to(gallery).as_posix(): path for path in paths}
    return {name: path for name, path in named.items() if _FILE.fullmatch(name)}


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); run the command again") from None


def _send(pool: Executor, storage: Storage, files: dict[str, Path]) -> Iterator[str]:
    """Send files in parallel, and then those of LAST; yields their names when they are sent."""

    def send(name: str) -> str:
        suffix = Path(name).suffix
        kind = _TYPES.get(suffix, "application/octet-stream")
        storage.send(files[name], name, kind, _LONG if kind.startswith(("image/", "video/")) else _NONE)
        return name

    yield from pool.map(send, [name for name in files if name not in LAST])
    yield from map(send, [name for name in LAST if name in files])


@contextmanager
def _threads() -> Iterator[Executor]:
    """Threads that after an error, or Ctrl-C, only finish what they have begun."""
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _listed(storage: Storage, files: Listed) -> Iterator[Listed]:
    """Write the list before a change, and after it with what became of the files, also if an error ends it."""
    _write_list(storage, files)
    try:
        yield files
    except BaseException:
        with suppress(NstError):  # files without a digest are sent again
            _write_list(storage, files)
        raise
    _write_list(storage, files)


def _read_list(storage: Storage) -> Listed:
    """The files that are listed as sent.

    Raises NstError if there is none but a page, which then is not ours to replace.
    """
    content = storage.read(SENT)
    if content is None:
        if storage.exists("index.html"):
            raise NstError(f"{storage.url}: has an index.html that nst did not publish; choose another folder")
        return {}
    try:
        found = json.loads(content)
        files = found["files"].items() if found["format"] == _FORMAT else ()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # then every file is sent, and none deleted
    return {name: digest for name, digest in files if _FILE.fullmatch(name)}


def _write_list(storage: Storage, files: Listed) -> None:
    text = json.dumps({"format": _FORMAT, "files": files}, separators=(",", ":"))
    storage.write(SENT, text.encode(), _TYPES[".json"], _NONE)
