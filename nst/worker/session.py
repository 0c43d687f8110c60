"""One request in a worker: what the client asks for, and how its output gets back to it."""

from __future__ import annotations

import io
import socketserver
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nst.machine import cpu
from nst.worker import protocol

if TYPE_CHECKING:
    from nst.engine.stylization import Finished, Progress, Transfer
    from nst.pair.job import Job
    from nst.worker.server import Worker

#: A string that can be passed to the operating system: without NUL.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class Request(BaseModel):
    """The request of a client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arguments: list[Text] = Field(max_length=10_000)
    folder: Text = Field(max_length=4096)
    environment: dict[str, Text] = Field(max_length=1000)
    owner: int = Field(default=0, ge=0, lt=2**31)  # process id
    threads: int = Field(default=0, ge=0, le=cpu.MAX_THREADS)
    terminal: bool = False
    asks: bool = False
    alone: bool = False

    @field_validator("arguments")
    @classmethod
    def _check_command(cls, arguments: list[str]) -> list[str]:
        if not protocol.is_pair_command(arguments):
            raise ValueError(f"workers run {' and '.join(protocol.COMMANDS)} only")
        return arguments

    @field_validator("environment")
    @classmethod
    def _check_names(cls, environment: dict[str, str]) -> dict[str, str]:
        if private := [name for name in environment if not protocol.is_shared(name)]:
            raise ValueError(f"workers do not take the environment variable {private[0][:40]!r}")
        return environment


class LeavingError(Exception):
    """The worker must stop while a request still waits for a lock; the client then runs without a worker."""


class QuestionError(Exception):
    """A question that the client must ask its user."""


class Session:
    """A request in progress. It is the `obj` of the click context, and implements `nst.cli.Runner`."""

    def __init__(self, worker: Worker, handler: socketserver.StreamRequestHandler, request: Request):
        self.worker, self.handler, self.request = worker, handler, request
        self.disconnected = threading.Event()
        self._send_lock = threading.Lock()  # the request's thread and the optimization's thread both send

    def stylize(self, job: Job, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
        """Stylize a pair, as `nst.pair.stylize.stylize_pair`. Raises KeyboardInterrupt if the client disconnects."""
        import torch

        from nst.pair.stylize import stylize_pair

        def watch(event: Progress) -> None:
            self._check_stopped()
            on_progress(event)

        batcher = self.worker.batcher.result()
        job = replace(job, threads=job.threads or self.request.threads or self.worker.threads)
        torch.set_num_threads(job.threads)  # of this thread; the optimization's thread gets it with the job

        def stylizer(transfer: Transfer, handle: Callable[[Progress | Finished], None], **how: Any) -> None:
            batcher.stylize(
                transfer, handle, on_start=lambda: self.send(stylizing=True), alone=self.request.alone, **how
            )
            if self.disconnected.is_set():
                raise KeyboardInterrupt

        record = stylize_pair(job, watch, stylizer, self._wait)
        self.worker.pictures += 1
        return record

    def _wait(self) -> None:
        """Called while another process writes the same output; that process may wait for this worker's GPU."""
        self._check_stopped()
        if self.worker.leaving:
            raise LeavingError

    def _check_stopped(self) -> None:
        """Raise KeyboardInterrupt if the client has disconnected or the worker must stop at once."""
        if self.disconnected.is_set() or self.worker.stopping:
            raise KeyboardInterrupt

    def ask(self, question: str) -> bool | None:
        """End the request with a question for the client; returns None if the client has no terminal."""
        if self.request.asks:
            raise QuestionError(question)
        return None

    def send(self, **message: Any) -> None:
        """Send a line to the client; ignored if it has disconnected."""
        try:
            with self._send_lock:
                self.handler.wfile.write(protocol.line(**message))
        except OSError:
            self.disconnected.set()

    def wait_for_disconnect(self) -> None:
        """Block until the client closes the connection. A client sends nothing after its request."""
        while not self.disconnected.is_set():
            try:
                if not self.handler.connection.recv(1):
                    self.disconnected.set()
            except TimeoutError:
                continue
            except OSError:
                self.disconnected.set()


#: The session of the request that a thread works on.
current: ContextVar[Session | None] = ContextVar("session", default=None)


class Output(io.TextIOBase):
    """A replacement of stdout or stderr. Text goes to the client of the request, or else to the worker's log."""

    def __init__(self, kind: str, stream: TextIO):
        self.kind, self.stream = kind, stream

    def write(self, text: str) -> int:
        session = current.get()
        if session is None:
            return self.stream.write(text)
        session.send(**{self.kind: text})
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the client has a terminal."""
        session = current.get()
        return bool(session and session.request.terminal)
