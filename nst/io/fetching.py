"""Files from elsewhere, within bounds: a URL may be anybody's."""

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

#: What is fetched: no `file:`, and nothing else that fsspec knows.
SCHEMES = ("http", "https", "s3")
#: Bytes of a file, and seconds that it may take, at most; seconds of silence after which a server counts as gone.
MOST_BYTES, MOST_SECONDS, SILENCE = 2_000_000_000, 3600.0, 30.0
#: The variable of the environment that allows servers of this machine and of private networks.
ALLOW_PRIVATE = "NST_ALLOW_PRIVATE"
#: Wikimedia, among others, refuses programs that do not say who they are.
AGENT = f"nst/{__version__} (neural style transfer) {requests.utils.default_user_agent()}"
#: Called while downloading with (bytes so far, bytes in all or None).
Progress = Callable[[int, int | None], None]


def copy(address: str, path: Path) -> None:
    """Copy what is at a URL (http, https, s3) to a file.

    Raises NstError with the reason where that fails, or where it exceeds a bound.
    """
    shown, scheme = redacted(address), address.partition("://")[0].lower()
    if scheme not in SCHEMES or "://" not in address:
        raise NstError(f"{shown}: cannot be fetched; expected a URL that begins with {'://, '.join(SCHEMES)}://")
    try:
        if scheme == "s3":
            _copy_by_fsspec(address, path)
        else:
            download(address, path)
    except NstError:
        raise
    except Exception as error:  # each kind has errors of its own
        raise NstError(f"{shown}: could not be fetched ({redacted(_reason(error))})") from None


def download(source: str, path: Path, progress: Progress | None = None) -> None:
    """Download by HTTP; resumes with what the file has already.

    Raises requests' exceptions and OSError; NstError where a bound is exceeded, or a server is in a private network.
    """
    have = path.stat().st_size if path.exists() else 0
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with (
        _deadline(source) as watch,
        _session(watch) as session,
        session.get(source, headers=headers, stream=True, timeout=SILENCE) as answer,
    ):
        if answer.status_code == requests.codes.requested_range_not_satisfiable:  # all of it is there already
            return
        answer.raise_for_status()
        if (packing := answer.headers.get("Content-Encoding", "identity")) != "identity":
            raise NstError(
                f"{redacted(source)}: comes packed ({packing}), which nst did not ask for and does not unpack"
            )
        if answer.status_code != requests.codes.partial_content:
            have = 0
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        _check_size(source, total or 0)
        with path.open("ab" if have else "wb") as file:
            for had in _written(source, answer.iter_content(1 << 16), file, have):
                if progress:
                    progress(had, total)


def _copy_by_fsspec(address: str, path: Path) -> None:
    import fsspec

    until = time.monotonic() + MOST_SECONDS
    with fsspec.open(address, "rb") as source, path.open("wb") as file:
        for _ in _written(address, iter(lambda: source.read(1 << 20), b""), file, 0):
            if time.monotonic() > until:
                raise _too_slow(address)


def _written(source: str, blocks: Iterable[bytes], file: BinaryIO, have: int) -> Iterator[int]:
    """Write blocks to a file; how many bytes it has after each."""
    for block in blocks:
        have += len(block)
        _check_size(source, have)
        file.write(block)
        yield have


def _check_size(source: str, size: int) -> None:
    if size > MOST_BYTES:
        raise NstError(f"{redacted(source)}: is larger than {MOST_BYTES:,} bytes, the most that is fetched")


def _too_slow(source: str) -> NstError:
    return NstError(f"{redacted(source)}: took longer than {MOST_SECONDS:,.0f} s, the most that a file may take")


@contextmanager
def _deadline(source: str) -> Iterator[Callable[[socket.socket], None]]:
    """Ends the connections that it is told of when the time is over: a server that sends a byte now and then, in a
    header or in the file, is never silent for long.
    """
    watched: list[socket.socket] = []
    over = threading.Event()

    def cut() -> None:
        over.set()
        for connection in watched:
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(MOST_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield watched.append
    except (requests.RequestException, OSError):
        if not over.is_set():
            raise
    finally:
        timer.cancel()
    if over.is_set():  # perhaps without an error: a file of unknown size ends with its connection
        raise _too_slow(source)


def _session(watch: Callable[[socket.socket], None]) -> requests.Session:
    """Checks whom each of its connections has reached, redirects included, before anything is sent."""

    def check(connection: HTTPConnection) -> None:
        assert connection.sock is not None
        watch(connection.sock)
        _refuse_private(connection.host, connection.sock.getpeername()[0])

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(_pools(check), _pools(lambda connection: watch(connection.sock))))
    return session


class _Adapter(HTTPAdapter):
    """Connects by the connections given: `direct` ones, and those to a proxy of the user's, which chooses its peers."""

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
    """urllib3's pools, by scheme, whose connections call `check` when they are made."""

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
    """Raise NstError for the address of a machine that not all of the internet reaches.

    It is the one that is connected to: a name may stand for another one a moment later.
    """
    address = ipaddress.ip_address(peer.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_global and not address.is_multicast:
        return
    if os.environ.get(ALLOW_PRIVATE, "").lower() not in ("1", "yes", "true"):
        raise NstError(
            f"{host} is {address}, an address of this machine or of a private network, from which nothing is fetched; "
            f"set {ALLOW_PRIVATE}=1 if you trust the URLs"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "the server redirects to what is no http or https"
    if isinstance(error, requests.RequestException):
        return type(error).__name__
    return str(error).partition("\n")[0] or type(error).__name__
