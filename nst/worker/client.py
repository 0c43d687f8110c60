"""The client of a worker: sends a command for one pair, and prints the answers. It starts in less than 0.1 s.

For that it imports only the standard library.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from nst.io import asking
from nst.io.waiting import announced
from nst.machine import gpus, private
from nst.worker import protocol

#: Seconds within which a new worker must listen on its socket.
START_TIMEOUT = 120.0
#: Maximum number of workers that crash while stylizing an image, and that crash at any time, before the command fails.
MAX_ATTEMPTS, MAX_CRASHES = 2, 6
#: Flags with which a command does not write an image.
FLAGS_WITHOUT_IMAGE = {"-h", "--help", "--show"}
#: Seconds within which a worker must send its greeting or status.
REPLY_TIMEOUT = 5.0
#: Where a thread's command writes; None: to stdout and stderr.
_output: ContextVar[TextIO | None] = ContextVar("output", default=None)
#: The connections of this process's commands, and whether `cancel` was called.
_connections: set[Connection] = set()
_cancelled = threading.Event()


def should_use_worker(arguments: list[str]) -> bool:
    """Whether a worker should run the command: NST_WORKER is yes, no, or auto (the default): yes with a GPU."""
    mode = os.environ.get("NST_WORKER", "auto")
    if mode == "no" or not protocol.is_pair_command(arguments) or FLAGS_WITHOUT_IMAGE & {*arguments}:
        return False
    return (mode == "yes" or bool(_gpus(arguments))) and protocol.is_possible()


def run(arguments: list[str], output: TextIO | None = None) -> int | None:
    """Run a command in a worker. Returns its exit status, or None if no worker is available.

    output: where the command's output and errors are written, without questions to the user; None: stdout and stderr.
    """
    _output.set(output)
    try:
        attempts = 0
        for _ in range(MAX_CRASHES):
            connection = _connect_to_gpu(devices) if (devices := _gpus(arguments)) else _connect_to_cpu()
            if connection is None:
                return 130 if _cancelled.is_set() else None
            with closing(connection), _cancellable(connection):
                answer = _send_request(connection, arguments, alone=attempts > 0)
            if _cancelled.is_set():
                return 130
            if answer.question:
                if not asking.confirmed(answer.question):
                    _print("nothing was overwritten")
                    return 1
                arguments = [arguments[0], "--force", *arguments[1:]]
                continue
            if answer.code is not None or answer.refused:
                return answer.code
            attempts += answer.started
            if attempts == MAX_ATTEMPTS:
                break
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # the socket's folder or the process cannot be created
        _print(f"no worker can be started ({error}); stylizing without one")
        return None
    _print("workers crash while stylizing this image; set NST_WORKER=no to see the error")
    return 1


def cancel() -> None:
    """Cancel the commands that other threads of this process run; each of them returns 130."""
    _cancelled.set()
    for connection in tuple(_connections):
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def _cancellable(connection: Connection) -> Iterator[None]:
    _connections.add(connection)
    try:
        if _cancelled.is_set():  # since before the connection was added
            connection.socket.shutdown(socket.SHUT_RDWR)
        yield
    finally:
        _connections.discard(connection)


class Connection(NamedTuple):
    """A connection to a worker: the socket, its lines, and the number of other requests that the worker has."""

    socket: socket.socket
    lines: Any
    busy: int

    def close(self) -> None:
        """Close the connection; the worker cancels the request."""
        self.lines.close()
        self.socket.close()


def connect(device: str) -> Connection | None:
    """Connect to the worker of a device and reserve it for a request.

    Returns None if there is none; a worker of another code version is stopped.
    """
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(REPLY_TIMEOUT)
    try:
        link.connect(str(protocol.worker_file(device, "sock")))
        if not protocol.is_same_user(link):
            raise OSError("the socket belongs to another user")
        lines = link.makefile("rb")
        is_current = json.loads(lines.readline(protocol.MAX_LINE_BYTES))["identity"] == protocol.identity()
        link.sendall(protocol.line(reserve=True) if is_current else protocol.line(leave=True))
        if is_current:
            busy = json.loads(lines.readline(protocol.MAX_LINE_BYTES))["busy"]
            link.settimeout(None)
            return Connection(link, lines, busy)
    except (OSError, ValueError):  # it crashed, has just stopped, or does not answer
        pass
    link.close()
    return None


def stop_workers(devices: Iterable[str]) -> None:
    """Ask the workers of some GPUs to stop after their current images, to free the GPUs."""
    ask([protocol.worker_file(device, "sock") for device in devices], leave=True)


def ask(sockets: Iterable[Path] | None = None, **message: Any) -> list[dict[str, Any]]:
    """Send a message to each worker of this machine, or of some sockets.

    Returns their greetings, updated by their answers.
    """
    answers: list[dict[str, Any]] = []
    if not protocol.is_possible():
        return answers
    if sockets is None:
        sockets = sorted(private.private_folder().glob("worker-*.sock"))
    for path in sockets:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(REPLY_TIMEOUT)
            try:
                link.connect(str(path))
                if not protocol.is_same_user(link):
                    continue
                link.sendall(protocol.line(**message))
                with link.makefile("rb") as lines:
                    answers.append({key: value for text in lines for key, value in json.loads(text).items()})
            except (OSError, ValueError):
                continue  # it crashed or has just stopped
    return answers


def _gpus(arguments: list[str]) -> list[str]:
    """The GPUs that a command with these arguments may use."""
    joined = " ".join(arguments).replace("--device=", "--device ")
    return [] if "--device cpu" in joined or "--device mps" in joined else gpus.available()


def _connect_to_gpu(gpus: list[str]) -> Connection | None:
    """Connect to an idle worker, else to a new one on a GPU without worker, else to the least busy one."""
    busy: dict[str, int] = {}
    for find in (connect, _start):
        for gpu in (gpu for gpu in gpus if gpu not in busy):
            if connection := find(gpu):
                if connection.busy == 0:  # else, of a worker that was just started: another client was faster
                    return connection
                busy[gpu] = connection.busy
                connection.close()
    return connect(min(busy, key=lambda gpu: busy[gpu])) if busy else None


def _connect_to_cpu() -> Connection | None:
    """Connect to an idle worker of a CPU slot, else start one. A CPU worker stylizes one image at a time."""
    for slot in range(os.cpu_count() or 1):
        connection = connect(f"cpu-{slot}") or _start(f"cpu-{slot}")
        if connection is None or connection.busy == 0:
            return connection
        connection.close()
    return None


def _start(device: str) -> Connection | None:
    """Start a worker and connect to it, unless another client has started one meanwhile."""
    log_file = protocol.worker_file(device, "log")
    with announced(f"a worker on {device} to start; it logs to {log_file}", _print), _start_lock(device):
        if connection := connect(device):
            return connection
        # Without the number of threads, which differs between clients.
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        with log_file.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "nst", "worker", "run", device],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=environment,
            )  # fmt: skip
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until:
            if connection := connect(device):
                return connection
            if worker.poll() is not None:
                return None
            time.sleep(0.02)
    return None


@contextmanager
def _start_lock(device: str) -> Iterator[None]:
    import fcntl

    with protocol.worker_file(device, "start").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Answer(NamedTuple):
    """The outcome of a request: exit status, refusal or question. Without any of them the worker has crashed."""

    code: int | None = None
    refused: bool = False
    question: str = ""
    started: bool = False


def _send_request(connection: Connection, arguments: list[str], *, alone: bool) -> Answer:
    """Send the command to the worker and print its output.

    alone: do not put the image into a batch, because a worker has crashed while stylizing it.
    """
    request = {
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": protocol.environment(),
        "owner": _number("NST_WORKER_OWNER"),
        "threads": _number("OMP_NUM_THREADS"),
        "terminal": _stream("err").isatty(),
        "asks": _output.get() is None and asking.can_ask(),
        "alone": alone,
    }
    started = False
    waiting = announced(f"a worker with {connection.busy} other images in progress", _print)
    for message in _messages(connection, protocol.line(**request), waiting if connection.busy else nullcontext()):
        if "exit" in message:
            return Answer(code=int(message["exit"]))
        if "refused" in message:
            return Answer(refused=True)
        if "ask" in message:
            return Answer(question=message["ask"])
        started = started or "stylizing" in message
        _forward(message)
    return Answer(started=started)


def _number(variable: str) -> int:
    """The first number of an environment variable, 0 if there is none."""
    first = os.environ.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _messages(connection: Connection, request: bytes, first: AbstractContextManager[None]) -> Iterator[dict[str, Any]]:
    """The messages of a worker until it closes the connection. The context `first` ends with the first message."""
    with suppress(OSError, ValueError):
        connection.socket.sendall(request)
        with first:
            text = connection.lines.readline(protocol.MAX_LINE_BYTES)
        while text:
            yield json.loads(text)
            text = connection.lines.readline(protocol.MAX_LINE_BYTES)


def _stream(kind: str) -> TextIO:
    """Where output (out) or errors (err) of this thread's command go."""
    return _output.get() or (sys.stderr if kind == "err" else sys.stdout)


def _print(text: str) -> None:
    print(f"nst: {text}", file=_stream("err"), flush=True)


def _forward(message: dict[str, Any]) -> None:
    stream = _stream("err" if "err" in message else "out")
    with suppress(BrokenPipeError):  # nobody reads the output, but the image is still to be written
        stream.write(message.get("err") or message.get("out") or "")
        stream.flush()
