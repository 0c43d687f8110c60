"""Pictures that wait for a GPU together and are alike are stylized together: a large GPU is idle under a small one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nst.engine.stylization import Finished, Progress, Transfer, prepared, stylize_batch

#: Most pictures at once.
MAX_BATCH = 16
#: Share of a GPU's memory that they may take, and bytes a pixel that each takes: VGG-19's activations in 16 and in 32
#: bits and the optimizer's memory.
ROOM, BYTES = 0.6, 12_000


@dataclass(eq=False)
class _Seat:
    """A picture that waits: its transfer, who hears of it, what it can be stylized together with, and how it ended."""

    transfer: Transfer
    handle: Callable[[Progress | Finished], None]
    begun: Callable[[], None]
    kind: tuple[Any, ...] | None
    how: dict[str, Any]
    context: Context = field(default_factory=copy_context)
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def tell(self, event: Progress | Finished) -> None:
        """Hand on what happens, until its hearer has had enough."""
        if self.error is None:
            try:
                self.context.run(self.handle, event)
            except BaseException as error:  # KeyboardInterrupt too: its client has gone
                self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Let its thread go on."""
        self.error = self.error or error
        self.done.set()


class Batcher:
    """Takes pictures from any thread and stylizes them in one of its own.

    Args:
        max_batch: most pictures in one batch; on a CPU, whose cores one picture keeps busy, one.
    """

    def __init__(self, max_batch: int | None = None):
        on_gpu = torch.cuda.is_available()
        self.max_batch = max_batch or (MAX_BATCH if on_gpu else 1)
        self.room = ROOM * torch.cuda.get_device_properties(0).total_memory if on_gpu else math.inf
        self._waiting: list[_Seat] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def stylize(
        self,
        transfer: Transfer,
        handle: Callable[[Progress | Finished], None],
        *,
        state: dict[str, Tensor],
        device: str,
        threads: int,
        resume: dict[str, Any] | None,
        begun: Callable[[], None] = lambda: None,
        alone: bool = False,
    ) -> None:
        """As `nst.pair.recording.in_turn`: returns when the picture is finished, and raises what went wrong.

        Args:
            begun: called when the picture's turn has come. alone: not in a batch.
        """
        prepared(transfer, state, torch.device("cpu"))  # what cannot be stylized is told here, and disturbs nobody
        how = {"state": state, "device": device, "threads": threads, "resume": resume}
        seat = _Seat(transfer, handle, begun, None if alone or resume else transfer.kind, how)
        with self._changed:
            self._waiting.append(seat)
            self._changed.notify()
        seat.done.wait()
        if seat.error is not None:
            raise seat.error

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                seats = self._next()
            _stylize(seats)
            del seats  # and with them their pictures, while nobody waits

    def _next(self) -> list[_Seat]:
        """The first that waits, and those that are like it: 2, 4, 8 or 16, each of which is new to cuDNN once."""
        first = self._waiting[0]
        height, width = first.transfer.content.shape[:2]
        most = max(1, min(self.max_batch, int(min(MAX_BATCH, self.room / (BYTES * height * width)))))
        seats = [seat for seat in self._waiting if seat is first or _alike(first, seat)][:most]
        seats = seats[: 2 ** (len(seats).bit_length() - 1)]
        self._waiting = [seat for seat in self._waiting if seat not in seats]
        return seats


def _alike(a: _Seat, b: _Seat) -> bool:
    """Whether two pictures can be stylized together: one kind, and the same weights."""
    same = a.how["state"] is b.how["state"] and a.how["device"] == b.how["device"]
    return same and a.kind is not None and a.kind == b.kind


def _stylize(seats: list[_Seat]) -> None:
    """Stylize pictures to their end: those that fail in a batch once more, each alone."""
    try:
        for seat in seats:
            seat.begun()
        for index, event in stylize_batch([seat.transfer for seat in seats], **seats[0].how):
            seat = seats[index]
            if event is not None:
                seat.tell(event)
            if isinstance(event, Finished):
                seat.end()
            if all(seat.error for seat in seats):
                break
    except Exception as error:  # whose it is shows when they are alone
        if len(seats) == 1 or gpu_failed(error):
            for seat in seats:
                seat.end(error)
    for seat in seats:
        if not seat.done.is_set():
            _stylize([seat])


def gpu_failed(error: Exception) -> bool:
    """Whether a CUDA context is beyond use; to run out of memory is not that."""
    told = str(error)
    failed = any(name in told for name in ("CUDA error", "cuDNN error", "Triton Error [CUDA]"))
    return failed and not isinstance(error, torch.cuda.OutOfMemoryError)
