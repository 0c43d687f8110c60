"""Pictures that wait for a GPU together and are alike are painted together: a large GPU is idle under a small one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nst.errors import NstError
from nst.stylization import Finished, Progress, Subject, together

#: Most pictures at once.
COMPANY = 16
#: Share of a GPU's memory that they may take, and bytes a pixel that each takes: VGG-19's activations in 16 and in 32
#: bits and the optimiser's memory.
ROOM, BYTES = 0.6, 12_000


@dataclass(eq=False)
class _Seat:
    """A picture that waits: its subject, who hears of it, and how it ended."""

    subject: Subject
    handle: Callable[[Progress | Finished], None]
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
                self.error = error

    def end(self, error: BaseException | None = None) -> None:
        self.error = self.error or error
        self.done.set()


class Gathering:
    """Takes pictures from any thread and paints them in one of its own."""

    def __init__(self, company: int = COMPANY):
        self.company = company
        self._waiting: list[_Seat] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def stylize(
        self,
        subject: Subject,
        handle: Callable[[Progress | Finished], None],
        *,
        state: dict[str, Tensor],
        device: str,
        threads: int,
        resume: dict[str, Any] | None,
    ) -> None:
        """As `nst.pair.in_turn`: returns when the picture is finished, and raises what went wrong."""
        seat = _Seat(subject, handle, {"state": state, "device": device, "threads": threads, "resume": resume})
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
            _paint(seats)

    def _next(self) -> list[_Seat]:
        """The first that waits, and those that are like it."""
        first = self._waiting[0]
        seats = [seat for seat in self._waiting if seat is first or _alike(first, seat)][: self._most(first)]
        self._waiting = [seat for seat in self._waiting if seat not in seats]
        return seats

    def _most(self, seat: _Seat) -> int:
        if not torch.cuda.is_available():
            return self.company
        height, width = seat.subject.content.shape[:2]
        room = ROOM * torch.cuda.get_device_properties(0).total_memory
        return max(1, min(self.company, int(room / (BYTES * height * width))))


def _alike(a: _Seat, b: _Seat) -> bool:
    """Whether two pictures can be painted together: same weights, nothing to go on from, and one kind."""
    if a.how.keys() != b.how.keys() or a.how["resume"] or b.how["resume"]:
        return False
    same = a.how["state"] is b.how["state"] and a.how["device"] == b.how["device"]
    return same and a.subject.kind is not None and a.subject.kind == b.subject.kind


def _paint(seats: list[_Seat]) -> None:
    """Paint pictures to their end: those that fail in company once more, each alone."""
    try:
        for index, event in together([seat.subject for seat in seats], **seats[0].how):
            seat = seats[index]
            if event is not None:
                seat.tell(event)
            if isinstance(event, Finished):
                seat.end()
            if all(seat.error for seat in seats):
                break
    except NstError as error:  # of one of them; whose, shows when they are alone
        if len(seats) == 1:
            seats[0].end(error)
    except BaseException as error:
        for seat in seats:
            seat.end(error)
    for seat in seats:
        if seat.error is not None:
            seat.end()
        elif not seat.done.is_set():
            _paint([seat])
