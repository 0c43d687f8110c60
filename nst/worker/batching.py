"""Batching: on a GPU, queued images with the same shape and settings are optimized as one batch of 2 to 16.

A single small image does not keep a large GPU busy.
"""

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

#: Maximum number of images in a batch.
MAX_BATCH = 16
#: Share of the GPU's memory for a batch, and bytes per pixel of an image: VGG-19's activations in 16 and 32 bits, and
#: the optimizer's state.
MEMORY_SHARE, BYTES_PER_PIXEL = 0.6, 12_000


@dataclass(eq=False)
class _Queued:
    """A queued image, its callbacks and its result.

    `kind`: images of the same kind can share a batch; None for an image that must not. `options`: keyword arguments of
    `stylize_batch`.
    """

    transfer: Transfer
    handle: Callable[[Progress | Finished], None]
    on_start: Callable[[], None]
    kind: tuple[Any, ...] | None
    options: dict[str, Any]
    context: Context = field(default_factory=copy_context)
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def deliver(self, event: Progress | Finished) -> None:
        """Call `handle` with an event, unless an earlier call has raised."""
        if self.error is None:
            try:
                self.context.run(self.handle, event)
            except BaseException as error:  # also KeyboardInterrupt, when the client has disconnected
                self.finish(error)

    def finish(self, error: BaseException | None = None) -> None:
        """Wake up the thread that waits for this image; `error` is raised there."""
        self.error = self.error or error
        self.done.set()


class Batcher:
    """Accepts images from any thread and optimizes them in a thread of its own.

    max_batch: maximum number of images in a batch. None is 16 on a GPU, and 1 on a CPU, where one image uses all cores.
    """

    def __init__(self, max_batch: int | None = None):
        on_gpu = torch.cuda.is_available()
        self.max_batch = max_batch or (MAX_BATCH if on_gpu else 1)
        self.memory = MEMORY_SHARE * torch.cuda.get_device_properties(0).total_memory if on_gpu else math.inf
        self._waiting: list[_Queued] = []
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
        on_start: Callable[[], None] = lambda: None,
        alone: bool = False,
    ) -> None:
        """Queue an image, and return when it is finished; raises its error. See `nst.pair.recording.Stylizer`.

        Args:
            on_start: called when the optimization begins.
            alone: do not put the image into a batch.
        """
        prepared(transfer, state, torch.device("cpu"))  # raises here for an invalid transfer, not in a batch
        options = {"state": state, "device": device, "threads": threads, "resume": resume}
        queued = _Queued(transfer, handle, on_start, None if alone or resume else transfer.kind, options)
        with self._changed:
            self._waiting.append(queued)
            self._changed.notify()
        queued.done.wait()
        if queued.error is not None:
            raise queued.error

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                batch = self._next_batch()
            _stylize(batch)
            del batch  # frees their arrays while the queue is empty

    def _next_batch(self) -> list[_Queued]:
        """Remove the next batch from the queue: the first image and those that can share its batch.

        The size is a power of two, so that cuDNN has to select its algorithms for few sizes.
        """
        first = self._waiting[0]
        height, width = first.transfer.content.shape[:2]
        most = max(1, min(self.max_batch, int(min(MAX_BATCH, self.memory / (BYTES_PER_PIXEL * height * width)))))
        batch = [queued for queued in self._waiting if queued is first or _can_share_batch(first, queued)][:most]
        batch = batch[: 2 ** (len(batch).bit_length() - 1)]
        self._waiting = [queued for queued in self._waiting if queued not in batch]
        return batch


def _can_share_batch(a: _Queued, b: _Queued) -> bool:
    """Whether two images can be optimized as one batch: same kind, network weights and device."""
    same = a.options["state"] is b.options["state"] and a.options["device"] == b.options["device"]
    return same and a.kind is not None and a.kind == b.kind


def _stylize(batch: list[_Queued]) -> None:
    """Stylize a batch. If it fails, each image that is not finished is stylized again, alone."""
    try:
        for queued in batch:
            queued.on_start()
        for index, event in stylize_batch([queued.transfer for queued in batch], **batch[0].options):
            queued = batch[index]
            if event is not None:
                queued.deliver(event)
            if isinstance(event, Finished):
                queued.finish()
            if all(queued.error for queued in batch):
                break
    except Exception as error:  # running them alone shows which image caused it
        if len(batch) == 1 or gpu_failed(error):
            for queued in batch:
                queued.finish(error)
    for queued in batch:
        if not queued.done.is_set():
            _stylize([queued])


def gpu_failed(error: Exception) -> bool:
    """Whether an error has made the CUDA context unusable, which running out of memory does not."""
    message = str(error)
    failed = any(name in message for name in ("CUDA error", "cuDNN error", "Triton Error [CUDA]"))
    return failed and not isinstance(error, torch.cuda.OutOfMemoryError)
