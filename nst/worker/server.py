"""The worker process: one thread for each request, and one thread for the optimization (`batching`).

A worker holds its GPU until it stops. Reading, encoding and evaluating one image overlap with the optimization of
others.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socketserver
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst import cli
from nst.errors import NstError
from nst.machine import gpus
from nst.worker import protocol
from nst.worker.session import LeavingError, Output, QuestionError, Request, Session, current

if TYPE_CHECKING:
    from nst.worker.batching import Batcher

log = logging.getLogger(__name__)

#: Seconds without a request after which a worker stops.
IDLE_TIMEOUT = 60.0
#: Seconds to wait until the previous worker of the device has stopped.
LOCK_TIMEOUT = 5.0
#: Seconds within which a client must send or accept a line.
CLIENT_TIMEOUT = 30.0
#: Python's thread switch interval in seconds. The thread of the optimization needs the interpreter a thousand times per
#: second.
SWITCH_INTERVAL = 0.0002
#: Exit status after a GPU error: the CUDA context cannot be used any more.
GPU_FAILED = 70
#: Identity of the code that this process runs, even if the files are edited later.
IDENTITY = protocol.identity()


class Worker:
    """Serves requests until it is idle, orphaned or asked to stop.

    `leaving`: stop after the current requests. `stopping`: stop them too, with a checkpoint.
    """

    def __init__(self, device: str, idle: float = IDLE_TIMEOUT):
        self.device, self.idle = device, idle
        self.owners: set[int] = set()
        self.connections = self.busy = self.pictures = self.threads = 0
        self.batcher: Future[Batcher] = Future()
        self._queue: deque[object] = deque()
        self._running = 0
        self._changed = threading.Condition()
        self.leaving = self.stopping = False
        self._last = time.monotonic()

    def stop(self, *_: object) -> None:
        """Stop after writing checkpoints (signal handler)."""
        self.leaving = self.stopping = True

    def serve(self) -> None:
        """Listen on the socket of the device; returns when the worker should stop."""
        path = protocol.worker_file(self.device, "sock")
        path.unlink(missing_ok=True)  # left by a crashed worker: this process holds the device's lock
        worker = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                worker._handle(self)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 128  # all clients of a grid connect at the same time

            def verify_request(self, request: Any, client_address: Any) -> bool:
                return protocol.is_same_user(request)

        server = Server(str(path), Handler)
        socket = path.lstat()
        threading.Thread(target=self._warm_up, daemon=True).start()
        with server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            while not self._should_stop() and self._socket_exists(socket):
                time.sleep(0.05)
            self.leaving = True
            if self._socket_exists(socket):
                path.unlink(missing_ok=True)  # no new clients from here on
            while self.connections:
                time.sleep(0.05)
            server.shutdown()

    def _socket_exists(self, socket: os.stat_result) -> bool:
        """Whether this worker's socket still exists, in a folder that only its user can enter."""
        try:
            return os.path.samestat(protocol.worker_file(self.device, "sock").lstat(), socket)
        except (OSError, NstError):  # deleted, or accessible to others: the next client starts another worker
            return False

    def _warm_up(self) -> None:
        """Import torch and make the batcher, which takes seconds, while clients already connect."""
        try:
            import torch

            from nst.worker.batching import Batcher

            self.threads = torch.get_num_threads()  # before a request changes it
            self.batcher.set_result(Batcher())
        except Exception as error:
            self.batcher.set_exception(NstError(f"the worker cannot import torch: {error}"))

    def _should_stop(self) -> bool:
        orphaned = bool(self.owners) and not any(map(_alive, tuple(self.owners)))
        idle = orphaned or time.monotonic() - self._last > self.idle
        return self.leaving or (idle and not self.connections)

    def _handle(self, handler: socketserver.StreamRequestHandler) -> None:
        """Serve one connection."""
        with self._changed:
            self.connections += 1
        answer: dict[str, Any] = {}
        try:
            handler.connection.settimeout(CLIENT_TIMEOUT)  # a suspended client must not block the worker
            handler.wfile.write(protocol.line(identity=IDENTITY))
            answer = self._answer(_read(handler), handler)
        except EOFError:  # the client has changed its mind
            pass
        except (OSError, ValueError, RecursionError) as error:  # not JSON, or not a request
            reason = str(error)[:1000]
            log.warning("a request was refused: %s", reason)
            answer = {"refused": reason}
        finally:
            self._last = time.monotonic()
            if answer:
                with suppress(OSError):
                    handler.wfile.write(protocol.line(**answer))
            with self._changed:
                self.connections -= 1

    def _answer(self, message: Any, handler: socketserver.StreamRequestHandler) -> dict[str, Any]:
        """Do what a client asks for. Returns the last message to it, {} if it gets none."""
        if message == {"leave": True}:
            self.leaving = True
            return {}
        if message == {"status": True}:
            busy = self._running + len(self._queue)
            return {"device": self.device, "pid": os.getpid(), "busy": busy, "pictures": self.pictures}
        if message != {"reserve": True}:
            raise ValueError("neither reserve, nor leave, nor status")
        with self._reserved() as busy:
            handler.wfile.write(protocol.line(busy=busy))
            return self._work(Session(self, handler, Request.model_validate(_read(handler))))

    @contextmanager
    def _reserved(self) -> Iterator[int]:
        """Count a request as in flight; gives the number of others.

        It ends before the client has its answer, so that the client's next request finds the worker idle. Who only
        asks for the status does not count: a client would start another worker beside this one.
        """
        with self._changed:
            busy, self.busy = self.busy, self.busy + 1
        try:
            yield busy
        finally:
            with self._changed:
                self.busy -= 1

    def _work(self, session: Session) -> dict[str, Any]:
        threading.Thread(target=session.wait_for_disconnect, daemon=True).start()
        if session.request.owner:
            self.owners.add(session.request.owner)
        current.set(session)
        with self._client_context(session.request):
            try:
                code = cli.main(session.request.arguments, session)
            except LeavingError:
                return {"refused": "this worker is leaving"}
            except QuestionError as question:
                return {"ask": str(question)}
            except Exception as error:
                from nst.worker.batching import gpu_failed

                code = cli.unexpected(error)
                if gpu_failed(error):
                    log.error("the GPU failed: %s", error)
                    os._exit(GPU_FAILED)
        return {"exit": code}

    @contextmanager
    def _client_context(self, request: Request) -> Iterator[None]:
        """Run within the client's folder and environment. A process has only one of each, so other clients wait."""
        with self._changed:
            turn = object()
            self._queue.append(turn)  # first come, first served, so that one busy grid cannot block another
            try:
                self._changed.wait_for(
                    lambda: self._queue[0] is turn and (not self._running or _in_client_context(request))
                )
                if not self._running:
                    _enter_client_context(request)
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


def _read(handler: socketserver.StreamRequestHandler) -> Any:
    """The next message of a client. Raises EOFError if it has disconnected."""
    if not (text := handler.rfile.readline(protocol.MAX_LINE_BYTES)):
        raise EOFError
    return json.loads(text)


def run(device: str, idle: float = IDLE_TIMEOUT) -> None:
    """Run a worker on a device. Raises NstError if the device is in use."""
    from filelock import FileLock, Timeout

    lock = FileLock(protocol.worker_file(device, "lock"), timeout=LOCK_TIMEOUT)
    try:
        with lock, _without_gpu() if device.startswith("cpu-") else gpus.own_gpu(device, LOCK_TIMEOUT):
            sys.stdout, sys.stderr = Output("out", sys.stdout), Output("err", sys.stderr)
            worker = Worker(device, idle)
            signal.signal(signal.SIGTERM, worker.stop)  # sent by a cluster at the time limit
            sys.setswitchinterval(SWITCH_INTERVAL)
            worker.serve()
    except Timeout:
        by = "by a worker (see `nst worker status`), or by a run without worker"
        raise NstError(f"{device} is in use {by}; wait for it, or choose another device") from None


def _without_gpu() -> AbstractContextManager[None]:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return nullcontext()


def _in_client_context(request: Request) -> bool:
    try:
        return str(Path.cwd()) == request.folder and protocol.environment() == request.environment
    except OSError:  # the current folder was removed
        return False


def _enter_client_context(request: Request) -> None:
    os.chdir(request.folder)
    for name in protocol.environment():
        del os.environ[name]
    os.environ.update(request.environment)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it belongs to another user
    return True
