"""The protocol between client and worker: paths, identity, and messages (one JSON object per line).

    worker: {"identity": …}                                      on connection
    client: {"reserve": true} or {"leave": true} or {"status": true}
    worker: {"busy": other requests in flight}                   to "reserve": from now on this one counts as well
    client: {"arguments": […], "folder": …, "environment": {…}, "owner": pid, "threads": n, "terminal": …, "asks": …,
             "alone": …}
    worker: {"out": text} | {"err": text} | {"stylizing": true}   while it works
    worker: {"exit": code} or {"refused": reason}                at the end; a connection closed without it is a crash
            or {"ask": question}                                 to confirm, the client sends the request with --force
If the client closes the connection, the worker cancels the request. "leave" stops the worker after its current
requests.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Any

from nst.machine.private import private_folder
from nst.version import ALGORITHM, __version__

#: Maximum length of a line.
MAX_LINE_BYTES = 1 << 20
#: Environment variables that a worker takes from its client, besides those with SHARED_PREFIX but not PRIVATE_PREFIX.
VARIABLES = ("HOME", "XDG_CACHE_HOME", "TMPDIR")
SHARED_PREFIX, PRIVATE_PREFIX = "NST_", "NST_WORKER"
#: Maximum length of a socket's path on all systems, and of its name in the private folder.
MAX_PATH, MAX_NAME = 103, 60
#: The commands that a worker runs.
COMMANDS = ("stylize", "reproduce")


def is_pair_command(arguments: list[str]) -> bool:
    """Whether these are the arguments of a command for one pair, which a worker can run."""
    return arguments[:1] in [[name] for name in COMMANDS]


def is_possible() -> bool:
    """Whether the system has Unix sockets, and the path for them is short enough."""
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(private_folder())) < MAX_PATH - MAX_NAME


def worker_file(device: str, suffix: str) -> Path:
    """A file of the worker of a device: a GPU's UUID or number, or a CPU slot like cpu-0.

    suffix: `sock`: its socket; `lock`: locked while it runs; `start`: locked while it is being started; `log`: for
    output that belongs to no request.
    """
    return private_folder() / f"worker-{device.replace('/', '_')}.{suffix}"


@cache
def identity() -> str:
    """A hash of the interpreter and the code. A client uses only workers with its own identity."""
    newest = max(path.stat().st_mtime_ns for path in Path(__file__).parents[1].rglob("*.py"))
    parts = (__version__, ALGORITHM, __file__, sys.prefix, newest)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def environment() -> dict[str, str]:
    """The environment variables that a worker takes from its client."""
    return {name: value for name, value in os.environ.items() if is_shared(name)}


def is_shared(name: str) -> bool:
    """Whether a worker takes this environment variable from its client."""
    return name in VARIABLES or (name.startswith(SHARED_PREFIX) and not name.startswith(PRIVATE_PREFIX))


def is_same_user(connection: socket.socket) -> bool:
    """Whether the peer process belongs to this user. True on systems without SO_PEERCRED."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())


def line(**message: Any) -> bytes:
    """A message encoded as a line."""
    return json.dumps(message).encode() + b"\n"
