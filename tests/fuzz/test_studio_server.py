"""Bytes of any kind to a studio's port: it answers, or closes the connection, and serves the next request."""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given

from mutation import damaged
from studios import until

#: Megabytes that the server may grow by. It keeps up to half a megabyte of each body in memory.
GROWTH = 150
#: More connections than a server of one process has file descriptors below 1,024.
MANY = 1100

WHOLE = b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
_GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
_POST = b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\n"
_HIDDEN = b"GET /api/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: By hand: each with the statuses of its answers, none for a connection that is closed without one.
CASES = {
    "HTTP/0.9": (b"GET /\r\n\r\n", {200, 400}),
    "another version": (b"GET / HTTP/9.9\r\n\r\n", {200, 400, 404, 505}),
    "no request": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n", {400}),
    "an absolute URL": (b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}),
    "a tunnel": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", {400, 404, 405}),
    "a line break in a path": (b"GET /login%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}),
    "a raw line feed in a header": (_GET + b"X-A: b\nSet-Cookie: a=b\r\n\r\n", {400}),
    "a carriage return in a header": (_GET + b"X-A: b\rc\r\n\r\n", {400}),
    "a query that is no text": (b"GET /runs/a/whole/b?\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}),
    "NUL in a header": (_GET + b"X-A: b\0c\r\n\r\n", {200, 400}),
    "a folded header": (_GET + b"X-A: b\r\n c\r\n\r\n", {200, 400}),
    "a space before the colon": (_GET + b"Content-Length : 5\r\n\r\n", {400}),
    "a header without a name": (_GET + b": a\r\n\r\n", {400}),
    "two hosts": (_GET + b"Host: example.org\r\n\r\n", {200, 400}),
    "two lengths": (_POST + b"Content-Length: 0\r\nContent-Length: 46\r\n\r\n" + _HIDDEN, {400}),
    "a length and chunks": (
        _POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN, {501},
    ),
    "chunks": (_POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", {501}),
    "chunks in disguise": (_POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + _HIDDEN, {400, 501}),
    "chunks twice": (_POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "an endless size of a chunk": (_POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 100_000, {501}),
    "a negative length": (_POST + b"Content-Length: -1\r\n\r\n", {400}),
    "a length with a sign": (_POST + b"Content-Length: +5\r\n\r\nabcde", {400}),
    "no length at all": (_POST + b"Content-Length: 9999999999999999999999\r\n\r\n", {413}),
    "a body larger than allowed": (_POST + b"Content-Length: 64000001\r\n\r\n", {413}),
    "a body that is no upload": (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\n", {413},
    ),
    "chunks that wait for an answer": (
        _POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", {501},
    ),
    "a huge multipart": (
        b"POST /api/uploads?kind=content&name=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + b"--xx\r\n\r\n" * 375_000, {415},
    ),
    "thousands of headers": (_GET + b"".join(b"X-%d: a\r\n" % n for n in range(9000)) + b"\r\n", {200, 400}),
    "headers larger than allowed": (_GET + b"X-A: " + b"a" * 300_000, {431}),
    "a path larger than allowed": (b"GET /" + b"a" * 300_000, {431}),
    "another host": (b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", {400}),
    "a host that a page elsewhere chose": (b"GET / HTTP/1.1\r\nHost: localhost.example.org\r\n\r\n", {400}),
    "a forwarded host": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: example.org\r\n\r\n", {200}),
}  # fmt: skip


@dataclass
class Server:
    """A studio as `nst studio` serves it."""

    process: psutil.Process
    port: int
    output: Path

    def send(self, data: bytes, *, end: bool = True, seconds: float = 20) -> bytes:
        """All that the server answers until it closes the connection. end: send nothing more."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as link:
            try:
                link.sendall(data)
                if end:
                    link.shutdown(socket.SHUT_WR)
            except OSError:  # it does not read what it has refused, but has answered
                pass
            parts = []
            try:
                while part := link.recv(65536):
                    parts.append(part)
            except (ConnectionError, TimeoutError):
                pass
            return b"".join(parts)

    def is_well(self) -> bool:
        return b'{"status":"ok"}' in self.send(_GET + b"Connection: close\r\n\r\n")

    def is_at_rest(self) -> bool:
        """Whether it opens and closes nothing for a while."""
        before = self.process.num_fds()
        time.sleep(0.5)
        return self.process.num_fds() == before

    @property
    def megabytes(self) -> float:
        return self.process.memory_info().rss / 1e6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("studio")
    output = folder / "output"
    command = [sys.executable, "-m", "nst", "studio", "--port", "0", "--results", str(folder / "studio")]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, preexec_fn=_many_files)
    try:
        port = int(until(lambda: re.search(r"http://127.0.0.1:(\d+)/", output.read_text()))[1])
        yield Server(psutil.Process(process.pid), port, output)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def _many_files() -> None:
    """As many file descriptors as a service may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))


@pytest.fixture(autouse=True)
def bounds(server: Server) -> Iterator[None]:
    """After each test the server lives, has not grown, and has logged no exception."""
    before = server.megabytes
    yield
    assert until(server.is_well)
    assert server.megabytes - before < GROWTH
    assert "Traceback" not in server.output.read_text()


@pytest.mark.parametrize(("data", "statuses"), CASES.values(), ids=CASES)
def test_cases_by_hand(server: Server, data: bytes, statuses: set[int]) -> None:
    answer = server.send(data)
    found = [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.MULTILINE)]
    assert len(found) == 1, answer  # a second answer is one to a hidden request
    assert found[0] in statuses, answer
    assert b"Set-Cookie: a" not in answer.partition(b"\r\n\r\n")[0]
    assert str(Path(__file__).parents[2]).encode() not in answer
    if found[0] != 200 and b"application/json" not in answer:  # the server's own
        assert b"Content-Type: text/plain" in answer
        assert len(answer) < 1000


@given(data=damaged(WHOLE) | damaged(_GET + b"Range: bytes=0-1\r\nCookie: nst-studio=a\r\n\r\n"))
@example(data=b"")
@example(data=b"\r\n" * 10_000)
def test_damaged_requests(server: Server, data: bytes) -> None:
    answer = server.send(data)
    assert all(int(status) != 500 for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.MULTILINE)), answer


def test_bodies_without_end(server: Server) -> None:
    """What only waits does not disturb others."""
    waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    try:
        for link, part in zip(waiting, [_POST + b"Content-Length: 1000\r\n\r\nx", _POST, b"P", b""] * 25, strict=True):
            link.sendall(part)
        began = time.monotonic()
        assert server.is_well()
        assert time.monotonic() - began < 5
    finally:
        for link in waiting:
            link.close()


def test_more_connections_than_file_descriptors(server: Server) -> None:
    """Each with a body that is stored in a file: above 1,024 descriptors, select() ends a server that uses it."""
    open_links = []
    try:
        for _ in range(MANY):
            link = socket.socket()
            link.settimeout(2)
            open_links.append(link)
            try:
                link.connect(("127.0.0.1", server.port))
                link.sendall(_POST + b"Content-Length: 600000\r\n\r\n" + b"x" * 560_000)
            except OSError:  # it accepts no more, and the queue of those that wait is full
                break
        until(server.is_at_rest)
    finally:
        for link in open_links:
            link.close()
