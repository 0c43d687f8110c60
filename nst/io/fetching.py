"""Downloads with limits, because a URL may come from anyone."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from nst.errors import NstError
from nst.io.urls import redacted
from nst.version import __version__

#: Allowed schemes: not `file:`, and no others of fsspec.
SCHEMES = ("http", "https", "s3")
#: Maximum bytes and seconds of a download; timeout of a server in seconds.
MAX_BYTES, MAX_SECONDS, TIMEOUT = 2_000_000_000, 3600.0, 30.0
#: The environment variable that allows servers on this machine and in private networks.
ALLOW_PRIVATE = "NST_ALLOW_PRIVATE"
#: Servers such as Wikimedia's refuse programs without a user agent.
AGENT = f"nst/{__version__} (neural style transfer) {requests.utils.default_user_agent()}"
#: Called while downloading with (bytes so far, total bytes or None).
OnReceived = Callable[[int, int | None], None]


def copy(url: str, path: Path) -> None:
    """Download a URL (http, https, s3) to a file.

    Raises NstError if the download fails or exceeds a limit.
    """
    shown, scheme = redacted(url), url.partition("://")[0].lower()
    if scheme not in SCHEMES or "://" not in url:
        raise NstError(f"{shown}: cannot be downloaded; expected a URL that begins with {'://, '.join(SCHEMES)}://")
    try:
        if scheme == "s3":
            _copy_by_fsspec(url, path)
        else:
            download(url, path)
    except NstError:
        raise
    except Exception as error:  # each scheme has its own exceptions
        raise NstError(f"{shown}: could not be downloaded ({redacted(_reason(error))})") from None


def download(source: str, path: Path, progress: OnReceived | None = None) -> None:
    """Download by HTTP. Resumes if the file has the first part already.

    Raises requests' exceptions and OSError; NstError if a limit is exceeded, or if the server is in a private network.
    """
    start = path.stat().st_size if path.exists() else 0
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with (
        _deadline(source) as watch,
        _session(watch) as session,
        session.get(source, headers=headers, stream=True, timeout=TIMEOUT) as answer,
    ):
        if answer.status_code == requests.codes.requested_range_not_satisfiable:  # the file is complete already
            return
        answer.raise_for_status()
        if (packing := answer.headers.get("Content-Encoding", "identity")) != "identity":
            raise NstError(f"{redacted(source)}: the server sent compressed data ({packing}), which is not supported")
        if answer.status_code != requests.codes.partial_content:
            start = 0
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        _check_size(source, total or 0)
        with path.open("ab" if start else "wb") as file:
            for size in _written(source, answer.iter_content(1 << 16), file, start):
                if progress:
                    progress(size, total)


def _copy_by_fsspec(url: str, path: Path) -> None:
    import fsspec

    until = time.monotonic() + MAX_SECONDS
    with fsspec.open(url, "rb") as source, path.open("wb") as file:
        for _ in _written(url, iter(lambda: source.read(1 << 20), b""), file, 0):
            if time.monotonic() > until:
                raise _too_slow(url)


def _written(source: str, blocks: Iterable[bytes], file: BinaryIO, size: int) -> Iterator[int]:
    """Append blocks to a file of this size; yields its size after each."""
    for block in blocks:
        size += len(block)
        _check_size(source, size)
        file.write(block)
        yield size


def _check_size(source: str, size: int) -> None:
    if size > MAX_BYTES:
        raise NstError(f"{redacted(source)}: is larger than {MAX_BYTES:,} bytes, the maximum size of a download")


def _too_slow(source: str) -> NstError:
    return NstError(f"{redacted(source)}: took longer than {MAX_SECONDS:,.0f} s, the maximum time of a download")


@contextmanager
def _deadline(source: str) -> Iterator[Callable[[socket.socket], None]]:
    """Close the given connections after MAX_SECONDS; yields the function that adds a connection.

    A server that sends a byte from time to time never reaches the timeout of a connection.
    """
    watched: list[socket.socket] = []
    over = threading.Event()

    def cut() -> None:
        over.set()
        for connection in watched:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(MAX_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield watched.append
    except (requests.RequestException, OSError):
        if not over.is_set():
            raise
    finally:
        timer.cancel()
    if over.is_set():  # maybe without an error: a file of unknown size ends with its connection
        raise _too_slow(source)


def _session(watch: Callable[[socket.socket], None]) -> requests.Session:
    """A session that checks the peer of each connection, also after redirects, before it sends anything."""

    def check(connection: HTTPConnection) -> None:
        assert connection.sock is not None
        watch(connection.sock)
        _refuse_private(connection.host, connection.sock.getpeername()[0])

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(_pools(check), _pools(lambda connection: watch(connection.sock))))
    return session


class _Adapter(HTTPAdapter):
    """An adapter with given connection pools: `direct` ones, and `proxied` ones, where the proxy chooses the peers."""

    def __init__(self, direct: dict[str, Any], proxied: dict[str, Any]):
        self._direct, self._proxied = direct, proxied
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._direct

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._proxied
        return manager


def _pools(check: Callable[[Any], None]) -> dict[str, Any]:
    """urllib3's connection pools by scheme; `check` is called with each new connection."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            check(self)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            check(self)

    plain = type("Pool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
    return {"http": plain, "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure})}


def _refuse_private(host: str, peer: str) -> None:
    """Raise NstError if the peer's IP address is not a global one.

    This checks the address of the connection itself, because a second DNS lookup could give another one.
    """
    address = ipaddress.ip_address(peer.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_global and not address.is_multicast:
        return
    if os.environ.get(ALLOW_PRIVATE, "").lower() not in ("1", "yes", "true"):
        raise NstError(
            f"{host} is {address}, an address of this machine or of a private network, which is refused; "
            f"set {ALLOW_PRIVATE}=1 if you trust the URLs"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "the server redirects to a scheme other than http and https"
    if isinstance(error, requests.RequestException):
        return type(error).__name__
    return str(error).partition("\n")[0] or type(error).__name__
