"""Files from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import requests

import nst
from nst.errors import NstError

#: Wikimedia, among others, refuses programs that do not say who they are.
AGENT = f"nst/{nst.__version__} (neural style transfer) {requests.utils.default_user_agent()}"
#: Called while downloading with (bytes so far, bytes in all or None).
Progress = Callable[[int, int | None], None]


def copy(address: str, path: Path) -> None:
    """Copy what is at an address to a file: by HTTP, else by fsspec and what it has for the address's kind.

    Raises NstError with the reason where that fails.
    """
    try:
        if address.startswith(("http://", "https://")):
            download(address, path)
        else:
            _copy_by_fsspec(address, path)
    except Exception as error:  # each kind has errors of its own
        raise NstError(f"{address}: could not be fetched ({_reason(error)})") from None


def download(source: str, path: Path, progress: Progress | None = None) -> None:
    """Download by HTTP; goes on with what the file has already. Raises requests' exceptions and OSError."""
    have = path.stat().st_size if path.exists() else 0
    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(source, headers=headers, stream=True, timeout=30) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:  # all of it is there already
            return
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with path.open("ab" if have else "wb") as file:
            for block in answer.iter_content(1 << 16):
                file.write(block)
                have += len(block)
                if progress:
                    progress(have, total)


def _copy_by_fsspec(address: str, path: Path) -> None:
    import fsspec

    with fsspec.open(address, "rb") as source, path.open("wb") as file:
        shutil.copyfileobj(source, file)


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.RequestException):
        return type(error).__name__
    return str(error).partition("\n")[0] or type(error).__name__
