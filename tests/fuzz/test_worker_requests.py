"""What a process of the same user may send to a worker: refused, or run as a command; the worker lives on."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounded import bounded
from mutation import JSON_VALUES, altered, damaged
from nst.worker import protocol
from nst.worker.server import Worker

RESERVE = protocol.line(reserve=True)
REQUEST = {
    "arguments": ["stylize", "--help"], "folder": "/", "environment": {"NST_A": "b", "HOME": "/"}, "owner": 1,
    "threads": 1, "terminal": False, "asks": False, "alone": False,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _folder():
    """Of this test's workers; short, as a socket's path has to be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", folder)
        yield


def served(data: bytes) -> None:
    """A worker takes this, and then tells how it is. Its torch is left out: nothing is stylized."""
    before = Path.cwd()
    worker = Worker(f"cpu-{os.getpid()}", idle=60)
    worker._warm_up = lambda: None
    threading.Thread(target=worker.serve, daemon=True).start()
    while not send(worker.device, protocol.line(status=True)):  # it is not listening yet
        time.sleep(0.01)
    send(worker.device, data)
    assert send(worker.device, protocol.line(status=True))[-1]["pid"] == os.getpid()
    worker._should_stop()  # looks whether each owner lives
    worker.leaving = True
    os.chdir(before)


def send(device: str, data: bytes) -> list[dict]:
    """The answers, of which the first greets; none where nobody listens, or all of it was not wanted."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        try:
            link.connect(str(protocol.worker_file(device, "sock")))
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            with link.makefile("rb") as lines:
                return [json.loads(line) for line in lines]
        except (FileNotFoundError, ConnectionError):
            return []


@given(request=altered(REQUEST) | JSON_VALUES)
@example(request=REQUEST | {"threads": 10**9})
@example(request=REQUEST | {"owner": 2**70})
@example(request=REQUEST | {"owner": -(2**70)})
@example(request=REQUEST | {"environment": {"NST_A": "\0"}})
@example(request=REQUEST | {"environment": {"NST_\ud800": "\udfff"}})
@example(request=REQUEST | {"folder": "\0"})
@example(request=REQUEST | {"folder": "x" * 300})
@example(request=REQUEST | {"arguments": ["reproduce", "\0"]})
@example(request=REQUEST | {"arguments": ["stylize", "x" * 300, "\ud800"]})
@example(request=REQUEST | {"arguments": ["stylize", "--threads", "1000000000", "a", "b"]})
@example(request=[])
def test_requests(request):
    bounded(served, RESERVE + json.dumps(request).encode() + b"\n")


@given(data=damaged(RESERVE + json.dumps(REQUEST).encode() + b"\n") | st.binary(max_size=100))
@example(data=b"[" * 100_000 + b"\n")
@example(data=b"x" * (protocol.MAX_LINE_BYTES + 100))
@example(data=b"9" * 100_000 + b"\n")
def test_what_is_no_request(data):
    bounded(served, data)
