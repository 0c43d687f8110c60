"""The process behind the clients: a thread a request, and one for the GPU.

It holds its GPU for its whole life. Reading, encoding and judging files of one request overlap with the stylization of
others, which `batching` does in a thread of its own.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socketserver
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nst import cli
from nst.errors import NstError
from nst.machine import cpu, gpus
from nst.worker import protocol

if TYPE_CHECKING:
    from nst.engine.stylization import Finished, Progress, Transfer
    from nst.pair.job import Job
    from nst.worker.batching import Batcher

log = logging.getLogger(__name__)

#: Seconds without a request after which a worker leaves.
IDLE = 60.0
#: Seconds for which one waits for the worker before it to be gone.
LEAVING = 5.0
#: Seconds in which a client must take or say a line.
SILENCE = 30.0
#: Seconds for which a thread may run Python while another waits: the one that stylizes needs its turn a thousand times
#: a second.
SWITCH = 0.0002
#: Exit status of a worker whose GPU has failed: nothing that runs after it on that context would be right.
FAILED = 70
#: Of the code that this process runs, whatever has been edited since.
IDENTITY = protocol.identity()


#: What the system takes: it ends texts with a NUL.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class Request(BaseModel):
    """What a client asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arguments: list[Text] = Field(max_length=10_000)
    folder: Text = Field(max_length=4096)
    environment: dict[str, Text] = Field(max_length=1000)
    owner: int = Field(default=0, ge=0, lt=2**31)  # a process
    threads: int = Field(default=0, ge=0, le=cpu.MOST_THREADS)
    terminal: bool = False
    asks: bool = False
    alone: bool = False

    @field_validator("arguments")
    @classmethod
    def _known(cls, arguments: list[str]) -> list[str]:
        if arguments[:1] not in [[name] for name in protocol.COMMANDS]:
            raise ValueError(f"workers run {' and '.join(protocol.COMMANDS)} only")
        return arguments

    @field_validator("environment")
    @classmethod
    def _shared(cls, environment: dict[str, str]) -> dict[str, str]:
        if strange := [name for name in environment if not protocol.is_shared(name)]:
            raise ValueError(f"workers take no variable {strange[0][:40]!r} of the environment")
        return environment


class LeavingError(Exception):
    """The worker's GPU is wanted by who holds what a request waits for: the client does without a worker."""


class QuestionError(Exception):
    """What only the client can ask."""


class Session:
    """One client's request while it is worked on: the `obj` of its command's context."""

    def __init__(self, worker: Worker, handler: socketserver.StreamRequestHandler, request: Request):
        self.worker, self.handler, self.request = worker, handler, request
        self.gone = threading.Event()
        self._saying = threading.Lock()  # its own thread and the one that stylizes

    def stylize(self, job: Job, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
        """As `nst.pair.stylize.stylize_pair`; KeyboardInterrupt as soon as the client has gone."""
        import torch

        from nst.pair.stylize import stylize_pair

        def watch(event: Progress) -> None:
            if self.gone.is_set() or self.worker.stopping:
                raise KeyboardInterrupt
            on_progress(event)

        batcher = self.worker.batcher.result()
        chosen = replace(job, threads=job.threads or self.request.threads or self.worker.threads)
        torch.set_num_threads(chosen.threads)  # a thread's own; the one that stylizes is told too

        def stylizer(transfer: Transfer, handle: Callable[[Progress | Finished], None], **how: Any) -> None:
            batcher.stylize(transfer, handle, begun=lambda: self.say(stylizing=True), alone=self.request.alone, **how)
            if self.gone.is_set():
                raise KeyboardInterrupt

        record = stylize_pair(chosen, watch, stylizer, self._wait)
        self.worker.pictures += 1
        return record

    def _wait(self) -> None:
        """While another process stylizes to the same output, which may itself wait for this worker's GPU."""
        if self.gone.is_set() or self.worker.stopping:
            raise KeyboardInterrupt
        if self.worker.leaving:
            raise LeavingError

    def ask(self, question: str) -> bool | None:
        """End the request with a question for its client; None where nobody sits there."""
        if self.request.asks:
            raise QuestionError(question)
        return None

    def say(self, **message: Any) -> None:
        """Send the client a line; one that has gone hears nothing."""
        try:
            with self._saying:
                self.handler.wfile.write(protocol.line(**message))
        except OSError:
            self.gone.set()

    def listen(self) -> None:
        """Return when the client has closed the connection: it sends nothing more."""
        while not self.gone.is_set():
            try:
                if not self.handler.connection.recv(1):
                    self.gone.set()
            except TimeoutError:
                continue
            except OSError:
                self.gone.set()


_session: ContextVar[Session | None] = ContextVar("session", default=None)


class Output(io.TextIOBase):
    """A standard stream whose text goes to the client that it is about; what is about none goes to the worker's log."""

    def __init__(self, kind: str, beyond: TextIO):
        self.kind, self.beyond = kind, beyond

    def write(self, text: str) -> int:
        session = _session.get()
        if session is None:
            return self.beyond.write(text)
        session.say(**{self.kind: text})
        return len(text)

    def flush(self) -> None:
        self.beyond.flush()

    def isatty(self) -> bool:
        """Whether the client has a terminal."""
        session = _session.get()
        return bool(session and session.request.terminal)


class Worker:
    """Takes requests until nobody needs it any more."""

    def __init__(self, place: str, idle: float = IDLE):
        self.place, self.idle = place, idle
        self.owners: set[int] = set()
        self.waiting = self.pictures = self.threads = 0
        self.batcher: Future[Batcher] = Future()
        self._queue: deque[object] = deque()
        self._running = 0
        self._changed = threading.Condition()
        self.leaving = self.stopping = False
        self._last = time.monotonic()

    def stop(self, *_: object) -> None:
        """Leave as soon as what has been stylized so far is kept."""
        self.leaving = self.stopping = True

    def serve(self) -> None:
        """Listen at the place's address; returns when it is time to leave."""
        at = protocol.address(self.place)
        at.unlink(missing_ok=True)  # of a worker that has died: the place's lock is held
        worker = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                worker._handle(self)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 128  # clients of a grid come all at once

            def verify_request(self, request: Any, client_address: Any) -> bool:
                return protocol.is_ours(request)

        server = Server(str(at), Handler)
        socket = at.lstat()
        threading.Thread(target=self._warm_up, daemon=True).start()
        with server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            while not self._time_to_leave() and self._is_there(socket):
                time.sleep(0.05)
            self.leaving = True
            if self._is_there(socket):
                at.unlink(missing_ok=True)  # nobody finds it from here on
            while self.waiting:
                time.sleep(0.05)
            server.shutdown()

    def _is_there(self, socket: os.stat_result) -> bool:
        """Whether clients still find this worker's socket, in a folder that only its user can enter."""
        try:
            return os.path.samestat(protocol.address(self.place).lstat(), socket)
        except (OSError, NstError):  # swept away, or opened to others: the next client starts another worker
            return False

    def _warm_up(self) -> None:
        try:
            import torch

            from nst.worker.batching import Batcher

            self.threads = torch.get_num_threads()  # before any picture asks for others
            self.batcher.set_result(Batcher())
        except Exception as error:
            self.batcher.set_exception(NstError(f"the worker cannot use torch: {error}"))

    def _time_to_leave(self) -> bool:
        orphaned = bool(self.owners) and not any(map(_alive, tuple(self.owners)))
        idle = orphaned or time.monotonic() - self._last > self.idle
        return self.leaving or (idle and not self.waiting)

    def _handle(self, handler: socketserver.StreamRequestHandler) -> None:
        """One connection."""
        with self._changed:
            busy, self.waiting = self.waiting, self.waiting + 1
        try:
            handler.connection.settimeout(SILENCE)  # one that is stopped must not stop others
            handler.wfile.write(protocol.line(identity=IDENTITY, busy=busy))
            text = handler.rfile.readline(protocol.LONGEST)
            if not text:
                return
            message = json.loads(text)
            if message == {"leave": True}:
                self.leaving = True
            elif message != {"status": True}:
                self._work(Session(self, handler, Request.model_validate(message)))
            else:
                handler.wfile.write(protocol.line(**self.status()))
        except (OSError, ValueError, RecursionError) as error:  # no JSON, or not a request
            reason = str(error)[:1000]
            log.warning("a request was refused: %s", reason)
            with suppress(OSError):
                handler.wfile.write(protocol.line(refused=reason))
        finally:
            with self._changed:
                self.waiting -= 1
                self._last = time.monotonic()

    def _work(self, session: Session) -> None:
        threading.Thread(target=session.listen, daemon=True).start()
        if session.request.owner:
            self.owners.add(session.request.owner)
        _session.set(session)
        with self._in_place(session.request):
            try:
                code = cli.main(session.request.arguments, session)
            except LeavingError:
                session.say(refused="this worker is leaving")
                return
            except QuestionError as question:
                session.say(ask=str(question))
                return
            except Exception as error:
                from nst.worker.batching import gpu_failed

                code = cli.unexpected(error)
                if gpu_failed(error):
                    log.error("the GPU failed: %s", error)
                    os._exit(FAILED)
        session.say(exit=code)

    @contextmanager
    def _in_place(self, request: Request) -> Iterator[None]:
        """Be in the client's folder and environment, which a process has one of: others wait for theirs."""
        with self._changed:
            turn = object()
            self._queue.append(turn)  # first come, first served: a busy grid must not keep another out
            try:
                self._changed.wait_for(lambda: self._queue[0] is turn and (not self._running or _is_here(request)))
                if not self._running:
                    _go_to(request)
                self._running += 1
            finally:
                self._queue.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def status(self) -> dict[str, Any]:
        """What `nst worker status` shows."""
        return {"place": self.place, "pid": os.getpid(), "busy": self.waiting - 1, "pictures": self.pictures}


def run(place: str, idle: float = IDLE) -> None:
    """Be the worker of a place; NstError where there is one already."""
    from filelock import FileLock, Timeout

    lock = FileLock(protocol.address(place).with_suffix(".lock"), timeout=LEAVING)
    try:
        with lock, _without_gpu() if place.startswith("cpu-") else gpus.own_gpu(place, LEAVING):
            sys.stdout, sys.stderr = Output("out", sys.stdout), Output("err", sys.stderr)
            worker = Worker(place, idle)
            signal.signal(signal.SIGTERM, worker.stop)  # a cluster's time is over
            sys.setswitchinterval(SWITCH)
            worker.serve()
    except Timeout:
        by = "by a worker, which `nst worker status` shows, or by a picture that is stylized without one"
        raise NstError(f"{place} is taken, {by}") from None


def _without_gpu() -> AbstractContextManager[None]:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return nullcontext()


def _is_here(request: Request) -> bool:
    try:
        return str(Path.cwd()) == request.folder and protocol.environment() == request.environment
    except OSError:  # the folder that this process is in has been removed
        return False


def _go_to(request: Request) -> None:
    os.chdir(request.folder)
    for name in protocol.environment():
        del os.environ[name]
    os.environ.update(request.environment)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
