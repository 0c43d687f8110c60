"""What all routes share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask

from nst.errors import NstError
from nst.io.files import is_file
from nst.studio.errors import BusyError, NotFound
from nst.studio.studio import Studio

#: Types of the files that are sent, by suffix. Other files are never sent.
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".csv": "text/csv",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".mp4": "video/mp4",
    ".zip": "application/zip",
    ".safetensors": "application/octet-stream",
}
#: How long a browser keeps a file that never changes.
FOREVER = "private, max-age=31536000, immutable"
#: Files at the same time that are written while they are sent. A slow browser keeps a thread of the server that long.
DOWNLOADS = 8

_downloads = threading.BoundedSemaphore(DOWNLOADS)


def studio() -> Studio:
    """The studio of this application."""
    found: Studio = flask.current_app.extensions["nst"]
    return found


def session() -> str:
    """The id of the browser's session."""
    return str(flask.session["id"])


def body() -> dict[str, Any]:
    """The JSON object of a request. Raises NstError for anything else."""
    try:
        given = flask.request.get_json(silent=True)
    except RecursionError:
        given = None
    if not isinstance(given, dict):
        raise NstError("the request cannot be read; reload the page")
    return given


def text_of(given: dict[str, Any], name: str) -> str:
    """A text of a JSON object; lone surrogates, which no database takes, are replaced. Raises NstError for no text."""
    value = given.get(name)
    if not isinstance(value, str):
        raise NstError(f"the request has no text {name!r}; reload the page")
    return value.encode("utf-8", "replace").decode()


def send(path: Path | None, *, cache: str = "private, no-cache", download: str = "") -> flask.Response:
    """Send a file with the type of its suffix. Raises NotFound for no file and for other types.

    Args:
        download: the name under which a browser saves it; '' to show it.
    """
    if path is None or path.suffix not in TYPES or not is_file(path):
        raise NotFound
    response = flask.send_file(
        path.absolute(),
        mimetype=TYPES[path.suffix],
        as_attachment=bool(download),
        download_name=download or None,
        conditional=True,
        etag=True,
    )
    response.headers["Cache-Control"] = cache
    return response


def stream(parts: Iterator[bytes], name: str) -> flask.Response:
    """A file that is written while it is sent. Raises BusyError if DOWNLOADS others are being sent."""
    if not _downloads.acquire(blocking=False):
        raise BusyError("too many others are downloading; try again in a minute")
    response = flask.Response(parts, mimetype=TYPES[Path(name).suffix])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.call_on_close(_downloads.release)
    return response
