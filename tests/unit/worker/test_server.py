"""A worker that serves in this process, without torch."""

from __future__ import annotations

import json
import socket
import socketserver
import tempfile
import threading
import time
from pathlib import Path

from nst.worker import protocol
from nst.worker.server import Worker


def greeting(link: socket.socket, device: str) -> dict:
    """Connect to the worker, as soon as it listens."""
    path, until = protocol.worker_file(device, "sock"), time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    link.settimeout(10)
    link.connect(str(path))
    return json.loads(link.makefile("rb").readline())


def test_a_worker_that_has_answered_is_idle(monkeypatch):
    """A bundle sends its next pair at once, and a CPU worker that seems busy would get another one beside it."""
    write = socketserver._SocketWriter.write

    def write_and_lose_the_processor(self: socketserver._SocketWriter, data: bytes) -> int:
        written = write(self, data)
        time.sleep(0.3)
        return written

    monkeypatch.setattr(socketserver._SocketWriter, "write", write_and_lose_the_processor)
    monkeypatch.setattr(Worker, "_warm_up", lambda self: None)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path must be short
        monkeypatch.setattr("tempfile.tempdir", folder)
        worker = Worker("cpu-0", idle=60)
        serving = threading.Thread(target=worker.serve, daemon=True)
        serving.start()
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            assert greeting(first, worker.device)["busy"] == 0
            there = {"folder": str(Path.cwd()), "environment": protocol.environment()}
            first.sendall(protocol.line(arguments=["stylize", "--help"], **there))
            while b'"exit"' not in first.recv(protocol.MAX_LINE_BYTES):
                continue
            assert greeting(second, worker.device)["busy"] == 0
        worker.leaving = True
        serving.join(10)
        assert not serving.is_alive()
