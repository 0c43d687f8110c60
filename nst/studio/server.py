"""The server of a studio: waitress, the supervisor, and their end."""

from __future__ import annotations

import ipaddress
import logging
import secrets
import signal
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

import filelock
import waitress
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, TransferEncodingNotImplemented
from waitress.utilities import RequestEntityTooLarge

from nst.errors import NstError
from nst.studio.app import BODY, create_app
from nst.studio.studio import Options, Studio

log = logging.getLogger(__name__)

#: Threads that answer requests: more than decoding.FILES (12) and common.DOWNLOADS (8), which may hold them for long.
THREADS = 24
#: Connections at the same time; seconds until an idle one is closed. Each may take two file descriptors more, for its
#: body and its answer, and a process often has 1,024.
CONNECTIONS, IDLE = 250, 60

#: Paths of uploads, whose bodies may be large.
_UPLOADS = ("/api/uploads", "/api/uploads/mask")


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what waitress would store before the app can refuse it.

    Chunked bodies: browsers send none, and waitress keeps a chunk's size, however long, in memory. Large bodies that
    are no uploads: waitress writes them to files, also without the access token.
    """

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        most = self.adj.max_request_body_size - 1 if self.path in _UPLOADS else BODY
        is_large = self.content_length > most
        if self.chunked or is_large:
            self.expect_continue = False  # waitress would ask for the body, and read it
        if self.chunked:
            raise TransferEncodingNotImplemented("Send a Content-Length.")
        if is_large:
            self.error = RequestEntityTooLarge(f"Send at most {most} bytes.")
            self.completed = True


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser


def serve(
    options: Options,
    host: str,
    port: int,
    *,
    show: Callable[[str], None],
    show_token: bool = True,
    open_browser: bool = False,
) -> None:
    """Serve a studio until SIGTERM or Ctrl-C.

    Args:
        show: prints a line for the person who starts the studio.
        show_token: print the access token in the link; not one from a file, because logs of containers are kept.
    Raises NstError if the folder is in use, or the port cannot be bound.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits for a thread
    studio, sockets = Studio(options), dict[int, Any]()
    with _lock(options.folder):
        try:
            server = waitress.create_server(
                create_app(studio),
                map=sockets,
                host=host,
                port=port,
                threads=THREADS,
                connection_limit=CONNECTIONS,
                channel_timeout=IDLE,
                asyncore_use_poll=True,  # select() raises an error for a file descriptor above 1,023
                max_request_body_size=options.quotas.body_bytes,
                clear_untrusted_proxy_headers=not options.proxy,
                ident=None,
            )
        except (OSError, ValueError) as error:  # ValueError: an unknown host
            reason = getattr(error, "strerror", None) or error
            raise NstError(
                f"port {port} of {host} cannot be used ({reason}); choose another --port or --host"
            ) from error
        for listener in sockets.values():
            listener.channel_class = _Channel
        link = _link(host, _port_of(server), options.token)
        show(f"studio    {link if show_token else link.partition('#')[0]}")
        show(f"results   {options.folder.absolute()}")
        studio.uploads.sweep()
        studio.runs.sweep()
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let `nst studio &` and its children ignore it
        studio.supervisor.start()
        if open_browser:
            threading.Timer(0.5, webbrowser.open, [link]).start()
        try:
            server.run()  # returns after Ctrl-C
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            server.close()
            show("stopping  running images keep their progress")
            studio.supervisor.stop()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def access_token(host: str, file: Path | None) -> str:
    """The token of the file; without a file a new one beyond loopback, and '' on loopback. Raises NstError."""
    if file is None:
        return "" if is_loopback(host) else secrets.token_urlsafe(24)
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise NstError(f"--token-file: {file} cannot be read ({error})") from error
    if len(token) < 16:
        raise NstError(f"--token-file: {file} has fewer than 16 characters; use a longer token")
    return token


def _lock(folder: Path) -> filelock.BaseFileLock:
    """The lock by which one server uses a folder; it ends with the process."""
    lock = filelock.FileLock(folder / "studio.lock")
    try:
        return lock.acquire(timeout=0).lock
    except filelock.Timeout:
        raise NstError(
            f"{folder}: another studio uses this folder; stop it, or choose another with --results"
        ) from None


def _link(host: str, port: int, token: str) -> str:
    """The link to open. The token is behind #, which browsers do not send to servers and proxies."""
    name = "localhost" if host in ("0.0.0.0", "::", "::1", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{name}:{port}/" + (f"login#{quote(token)}" if token else "")


def _port_of(server: object) -> int:
    port = getattr(server, "effective_port", None)
    return int(port) if port else int(server.effective_listen[0][1])  # type: ignore[attr-defined]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
