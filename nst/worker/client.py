"""A per-pair command as a thin client of a warm worker: it starts in less than a tenth of a second.

Standard library only, and no more of that than is needed.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from nst.io import asking
from nst.io.waiting import announced
from nst.machine import gpus, private
from nst.worker import protocol

#: Seconds that a new worker may take until it listens.
PATIENCE = 120.0
#: Workers that may die while they stylize one picture, and in all before a command gives up on them.
TRIES, DEATHS = 2, 6
#: Flags with which a command makes no picture.
NO_WORK = {"-h", "--help", "--show"}
#: Seconds for which a worker may be silent about itself.
SILENCE = 5.0


def wanted(arguments: list[str]) -> bool:
    """Whether a worker shall do this: NST_WORKER says yes or no; auto, the default, is yes where there is a GPU."""
    mode = os.environ.get("NST_WORKER", "auto")
    if mode == "no" or arguments[:1] not in [[name] for name in protocol.COMMANDS] or NO_WORK & {*arguments}:
        return False
    return (mode == "yes" or bool(_gpus(arguments))) and protocol.is_possible()


def run(arguments: list[str]) -> int | None:
    """Have a worker run a command; its exit status, or None where no worker can be had."""
    try:
        tried = 0
        for _ in range(DEATHS):
            connection = _connected(arguments)
            if connection is None:
                return None
            with closing(connection):
                answer = _served(connection, arguments, alone=tried > 0)
            if answer.question:
                if not asking.confirmed(answer.question):
                    print("nst: nothing was overwritten", file=sys.stderr)
                    return 1
                arguments = [arguments[0], "--force", *arguments[1:]]
                continue
            if answer.code is not None or answer.refused:
                return answer.code
            tried += answer.started
            if tried == TRIES:
                break
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # no folder for the socket, no process for a worker
        print(f"nst: no worker can be had ({error}); stylizing without", file=sys.stderr)
        return None
    print("nst: workers die of this picture; set NST_WORKER=no to see why", file=sys.stderr)
    return 1


class Connection(NamedTuple):
    """To a worker: the socket, its lines, and how many others it is busy with."""

    socket: socket.socket
    lines: Any
    busy: int

    def close(self) -> None:
        """Give up what was asked for over it."""
        self.lines.close()
        self.socket.close()


def connect(place: str) -> Connection | None:
    """To the worker of a place; None where there is none, or one of other code, which is then asked to leave."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(SILENCE)
    try:
        link.connect(str(protocol.address(place)))
        if not protocol.is_ours(link):
            raise OSError("a process of another user listens there")
        lines = link.makefile("rb")
        greeting = json.loads(lines.readline(protocol.LONGEST))
    except (OSError, ValueError):
        link.close()
        return None
    if greeting["identity"] != protocol.identity():
        with suppress(OSError), link:
            link.sendall(protocol.line(leave=True))
        return None
    link.settimeout(None)
    return Connection(link, lines, greeting["busy"])


def dismiss() -> None:
    """Ask the workers of this machine to leave when their current images are done: their GPUs are wanted."""
    ask(leave=True)


def ask(**message: Any) -> list[dict[str, Any]]:
    """What each worker of this machine answers, with its greeting."""
    answers: list[dict[str, Any]] = []
    if not protocol.is_possible():
        return answers
    for path in sorted(private.private_folder().glob("worker-*.sock")):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(SILENCE)
            try:
                link.connect(str(path))
                if not protocol.is_ours(link):
                    continue
                link.sendall(protocol.line(**message))
                with link.makefile("rb") as lines:
                    answers.append({key: value for text in lines for key, value in json.loads(text).items()})
            except (OSError, ValueError):
                continue  # it has died, or just left
    return answers


def _gpus(arguments: list[str]) -> list[str]:
    """Those that a command with these arguments may use."""
    joined = " ".join(arguments).replace("--device=", "--device ")
    return [] if "--device cpu" in joined or "--device mps" in joined else gpus.available()


def _connected(arguments: list[str]) -> Connection | None:
    """To the worker that will be there first; started where there is none yet."""
    gpus = _gpus(arguments)
    return _to_gpu(gpus) if gpus else _to_core()


def _to_gpu(gpus: list[str]) -> Connection | None:
    """A worker a GPU: an idle one, a new one on a free GPU, else the least busy."""
    found = {gpu: connect(gpu) for gpu in gpus}
    busy = {gpu: connection.busy for gpu, connection in found.items() if connection}
    idle = next((gpu for gpu in busy if busy[gpu] == 0), None)
    for gpu, connection in found.items():
        if connection and gpu != idle:  # not to be silent over it for as long as another takes to start
            connection.close()
    if idle:
        return found[idle]
    for gpu in (gpu for gpu, connection in found.items() if connection is None):
        if started := _started(gpu):
            if started.busy == 0:
                return started
            busy[gpu] = started.busy  # by another client meanwhile
            started.close()
    return connect(min(busy, key=lambda gpu: busy[gpu])) if busy else None


def _to_core() -> Connection | None:
    """On a CPU a worker takes one picture at a time, so that as many stylize as without workers."""
    for slot in range(os.cpu_count() or 1):
        connection = connect(f"cpu-{slot}") or _started(f"cpu-{slot}")
        if connection is None or connection.busy == 0:
            return connection
        connection.close()
    return None


def _started(place: str) -> Connection | None:
    """To a new worker, or to the one that another client has started meanwhile."""
    with announced(f"a worker on {place} to start; it logs to {protocol.log_file(place)}", _tell), _starting(place):
        if connection := connect(place):
            return connection
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # a client's own
        with protocol.log_file(place).open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "nst", "worker", "run", place],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=environment,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if connection := connect(place):
                return connection
            if worker.poll() is not None:
                return None
            time.sleep(0.02)
    return None


@contextmanager
def _starting(place: str) -> Iterator[None]:
    import fcntl

    with protocol.lock_file(place).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Answer(NamedTuple):
    """What became of a request: the exit status; that it was refused; a question; or none, and the worker has died."""

    code: int | None = None
    refused: bool = False
    question: str = ""
    started: bool = False


def _served(connection: Connection, arguments: list[str], *, alone: bool) -> Answer:
    """Hand the command over and say what the worker says.

    Args:
        alone: not to be stylized together with others, for a worker has died of this picture or of its batch.
    """
    request = {
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": protocol.environment(),
        "owner": _number("NST_WORKER_OWNER"),
        "threads": _number("OMP_NUM_THREADS"),
        "terminal": sys.stderr.isatty(),
        "asks": asking.can_ask(),
        "alone": alone,
    }
    started = False
    waiting = announced(f"a worker that has {connection.busy} other pictures in progress", _tell)
    for message in _messages(connection, protocol.line(**request), waiting if connection.busy else nullcontext()):
        if "exit" in message:
            return Answer(code=int(message["exit"]))
        if "refused" in message:
            return Answer(refused=True)
        if "ask" in message:
            return Answer(question=message["ask"])
        started = started or "stylizing" in message
        _say(message)
    return Answer(started=started)


def _number(variable: str) -> int:
    """The first number of a variable of the environment, 0 where there is none."""
    first = os.environ.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _messages(connection: Connection, request: bytes, first: AbstractContextManager[None]) -> Iterator[dict[str, Any]]:
    """What a worker answers, until it has done or died; `first` lasts until the first of it."""
    with suppress(OSError, ValueError):
        connection.socket.sendall(request)
        with first:
            text = connection.lines.readline(protocol.LONGEST)
        while text:
            yield json.loads(text)
            text = connection.lines.readline(protocol.LONGEST)


def _tell(text: str) -> None:
    print(f"nst: {text}", file=sys.stderr, flush=True)


def _say(message: dict[str, Any]) -> None:
    stream = sys.stderr if "err" in message else sys.stdout
    with suppress(BrokenPipeError):  # nobody reads on; the picture is wanted nevertheless
        stream.write(message.get("err") or message.get("out") or "")
        stream.flush()
