"""A worker that serves in this process, without torch."""

from __future__ import annotations

import socket
import socketserver
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nst.worker import client, protocol
from nst.worker.client import Connection
from nst.worker.server import Worker


@pytest.fixture
def worker(monkeypatch) -> Iterator[Worker]:
    monkeypatch.setattr(Worker, "_warm_up", lambda self: None)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path must be short
        monkeypatch.setattr("tempfile.tempdir", folder)
        worker = Worker("cpu-0", idle=60)
        serving = threading.Thread(target=worker.serve, daemon=True)
        serving.start()
        until = time.monotonic() + 60
        while not client.ask(status=True):
            assert time.monotonic() < until
            time.sleep(0.01)
        yield worker
        worker.leaving = True
        serving.join(60)
        assert not serving.is_alive()


def connect(device: str) -> Connection | None:
    if connection := client.connect(device):
        connection.socket.settimeout(60)
    return connection


def test_a_worker_that_has_answered_is_idle(worker, monkeypatch):
    """A bundle sends its next pair at once, and a CPU worker that seems busy would get another one beside it."""
    write = socketserver._SocketWriter.write

    def write_and_lose_the_processor(self: socketserver._SocketWriter, data: bytes) -> int:
        written = write(self, data)
        time.sleep(0.3)
        return written

    monkeypatch.setattr(socketserver._SocketWriter, "write", write_and_lose_the_processor)
    with closing(connect(worker.device)) as first:
        assert first.busy == 0
        there = {"folder": str(Path.cwd()), "environment": protocol.environment()}
        first.socket.sendall(protocol.line(arguments=["stylize", "--help"], **there))
        while b'"exit"' not in first.lines.readline():
            continue
        with closing(connect(worker.device)) as second:
            assert second.busy == 0


def test_a_worker_is_reserved_by_requests_alone(worker):
    """Who asks for the status, beside a grid, must not make its clients start another worker."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(protocol.worker_file(worker.device, "sock")))
        assert b"identity" in asking.recv(100)
        with closing(connect(worker.device)) as first:
            assert first.busy == 0
            with closing(connect(worker.device)) as second:
                assert second.busy == 1
