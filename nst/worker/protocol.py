"""What client and worker agree on: where they meet, who they are, and the lines that they exchange.

    worker: {"identity": …, "busy": requests in flight}          on connection
    client: {"arguments": […], "folder": …, "environment": {…}, "owner": pid, "threads": n, "terminal": …, "asks": …,
             "alone": …}
            or {"leave": true} or {"status": true}
    worker: {"out": text} | {"err": text} | {"stylizing": true}   while it works
    worker: {"exit": code} or {"refused": reason}                at the end; a connection closed before that is a crash
            or {"ask": question}                                 whose yes is the same request with --force
A client that closes the connection gives its picture up.
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

#: Bytes of the longest line.
LONGEST = 1 << 20
#: Variables of the client's environment that change what is stylized, or where things are found.
VARIABLES = ("HOME", "XDG_CACHE_HOME", "TMPDIR")
PREFIX, NOT = "NST_", "NST_WORKER"


#: Characters of a socket's path that any system takes, and of its name in the private folder.
PATH, NAME = 103, 60
#: The commands that a worker takes.
COMMANDS = ("stylize", "reproduce")


def is_possible() -> bool:
    """Whether this system has sockets of that kind, and a short enough path for them."""
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(private_folder())) < PATH - NAME


def address(place: str) -> Path:
    """The socket of the worker of a GPU, or of a slot of the CPU."""
    return _file(place, "sock")


def lock_file(place: str) -> Path:
    """Held by who starts a worker."""
    return _file(place, "start")


def log_file(place: str) -> Path:
    """What a worker says that belongs to no request."""
    return _file(place, "log")


def _file(place: str, suffix: str) -> Path:
    return private_folder() / f"worker-{place.replace('/', '_')}.{suffix}"


@cache
def identity() -> str:
    """Of this interpreter and this code: a worker of other code is not one to hand a picture to."""
    newest = max(path.stat().st_mtime_ns for path in Path(__file__).parents[1].rglob("*.py"))
    parts = (__version__, ALGORITHM, __file__, sys.prefix, newest)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def environment() -> dict[str, str]:
    """The part of this process's environment that a worker must share."""
    return {name: value for name, value in os.environ.items() if is_shared(name)}


def is_shared(name: str) -> bool:
    """Whether a worker takes a variable of the environment from its clients."""
    return name in VARIABLES or (name.startswith(PREFIX) and not name.startswith(NOT))


def own_workers(mode: str) -> None:
    """Have the commands that this process starts use workers that leave when it ends, or none; `auto` is up to them."""
    os.environ["NST_WORKER_OWNER"] = str(os.getpid())
    if mode != "auto":
        os.environ["NST_WORKER"] = mode


def is_ours(connection: socket.socket) -> bool:
    """Whether this user's process is at the other end, as far as the system says (Linux does)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())


def line(**message: Any) -> bytes:
    """A message as it is sent."""
    return json.dumps(message).encode() + b"\n"
