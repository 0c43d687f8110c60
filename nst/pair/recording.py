"""Recording of a run in its work folder: losses, snapshots, frames, and checkpoints to resume from."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nst import layout
from nst.errors import reason_of
from nst.images import resize, write_frame, write_picture
from nst.images.animation import animate
from nst.io import logs
from nst.io.work_folder import empty
from nst.machine import runtime
from nst.pair import publication
from nst.pair.background import Background
from nst.pair.completeness import check_frames
from nst.pair.frames import frame_file, has_frame, has_snapshot, snapshot_file
from nst.pair.job import Inputs, Job, transfer_of

if TYPE_CHECKING:
    from nst.engine.stylization import Finished, Progress, Transfer

log = logging.getLogger(__name__)

#: Raised when checkpoints have other contents; those with another number are not resumed.
CHECKPOINT_FORMAT = 1
#: Long side of a frame in px.
FRAME_SIDE = 512
#: Minimum seconds between checkpoints, and minimum ratio of that interval to the time for writing one: a checkpoint of
#: a large image has gigabytes.
CHECKPOINT_EVERY, CHECKPOINT_SPACING = 60.0, 20.0
#: A run that is stopped earlier than this writes no checkpoint.
MIN_SECONDS_TO_KEEP = 5.0


class Stylizer(Protocol):
    """Optimizes a transfer and calls `handle` with each event; returns when it is finished. Raises NstError."""

    def __call__(
        self,
        transfer: Transfer,
        handle: Callable[[Progress | Finished], None],
        *,
        state: dict[str, Any],
        device: str,
        threads: int,
        resume: dict[str, Any] | None,
    ) -> None: ...


def stylize_directly(transfer: Transfer, handle: Callable[[Progress | Finished], None], **how: Any) -> None:
    """The `Stylizer` of a process without worker: optimizes the image in the calling thread."""
    from nst.engine.stylization import stylize

    for event in stylize(transfer, **how):
        handle(event)


class Recording:
    """The recording of one run in its work folder."""

    def __init__(self, job: Job, inputs: Inputs, key: str, description: dict[str, Any]):
        self.job, self.inputs, self.description = job, inputs, description
        # The checkpoint's key. A run resumes only if the earlier one kept the same kinds of files.
        self.key = [CHECKPOINT_FORMAT, key, job.record is not None, job.output.suffix]
        self.folder = job.work_folder
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0  # of optimization in interrupted processes
        self._next_checkpoint = time.monotonic() + CHECKPOINT_EVERY
        self._worth_keeping_from = time.monotonic() + MIN_SECONDS_TO_KEEP
        self._background = Background()  # encodes frames during the optimization

    @property
    def _frames(self) -> Path:
        return self.folder / layout.FRAMES

    def optimize(
        self,
        state: dict[str, Any],
        on_progress: Callable[[Progress], None] | None,
        stylizer: Stylizer,
        should_stop: Callable[[], bool],
    ) -> Finished:
        """Run the optimization, from the last checkpoint if there is one."""
        from nst.engine.stylization import Finished

        resume = self._resumable()
        if resume is None:
            empty(self.folder)
        self._frames.mkdir(parents=True, exist_ok=True)
        before = self.seconds_before = self.rows[-1]["seconds"] if self.rows else 0.0
        end: list[Finished] = []

        def handle(event: Progress | Finished) -> None:
            if isinstance(event, Finished):
                end.append(event)
                return
            del self.rows[event.iteration - 1 :]  # an image that failed in a batch starts again
            self.rows.append({"iteration": event.iteration, **event.losses, "seconds": before + event.seconds})
            self._keep(event)
            try:
                if on_progress:
                    on_progress(event)
                if should_stop():
                    raise KeyboardInterrupt
            except KeyboardInterrupt:  # a cluster's time limit, a disconnected client, or Ctrl-C
                kept = time.monotonic() > self._worth_keeping_from and self._checkpoint(event)
                log.info(logs.stopped_text(event.iteration, resumable=kept))
                raise

        job = self.job
        try:
            transfer = transfer_of(job, self.inputs)
            stylizer(transfer, handle, state=state, device=job.device, threads=job.threads, resume=resume)
            [finished] = end
            self._frame(finished.iterations, finished.pixels)
            self._background.settle()
        finally:
            self._background.close()  # a later write would recreate the removed folder
        if job.record is not None and finished.network is not None:
            from nst.pair.network_file import save

            save(finished.network, self.folder / layout.NETWORK)
        return finished

    def _keep(self, event: Progress) -> None:
        s = self.job.settings
        recorded = self.job.record is not None
        if recorded and has_frame(event.iteration, s.frame_interval):
            self._frame(0 if event.iteration == 1 else event.iteration, event.picture())
        if recorded and has_snapshot(event.iteration, s.snapshot_interval):
            self._snapshot(self.folder / snapshot_file(event.iteration, self.job.output.suffix), event)
        if time.monotonic() > self._next_checkpoint:
            self._checkpoint(event)

    def _snapshot(self, path: Path, event: Progress) -> None:
        """Write a snapshot, in the format of the output and with its metadata."""
        pixels, alpha = event.picture(), self.inputs.content.alpha
        if alpha is not None:
            alpha = resize(alpha, shape=(pixels.shape[0], pixels.shape[1]))  # at a coarse scale
        metadata = self.description | {"iteration": event.iteration}
        self._background.write(lambda: write_picture(path, pixels, alpha=alpha, metadata=metadata, folders=False))

    def _frame(self, iteration: int, pixels: np.ndarray) -> None:
        if self.job.record is None:
            return
        height, width = self.inputs.content.pixels.shape[:2]  # at a coarse scale the image is smaller
        share = min(1.0, FRAME_SIDE / max(height, width))
        shape = (max(1, round(height * share)), max(1, round(width * share)))
        path, alpha = self.folder / frame_file(iteration), self.inputs.content.alpha
        self._background.write(lambda: write_frame(path, pixels, shape, alpha=alpha))

    def _checkpoint(self, event: Progress) -> bool:
        """Write a checkpoint. Returns whether that succeeded."""
        import torch

        began = time.monotonic()
        self._background.settle()  # a resumed run needs the frames up to here
        temporary = self.folder / "checkpoint.tmp"
        try:
            torch.save({"key": self.key, "rows": self.rows, "run": event.state()}, temporary)
            temporary.replace(self.folder / layout.CHECKPOINT)
        except (OSError, RuntimeError) as error:  # for example a full disk; the run continues
            log.warning("the checkpoint could not be written (%s); continuing without it", reason_of(error))
            temporary.unlink(missing_ok=True)
            written = False
        else:
            written = True
        took = time.monotonic() - began
        self._next_checkpoint = time.monotonic() + max(CHECKPOINT_EVERY, CHECKPOINT_SPACING * took)
        return written

    def _resumable(self) -> dict[str, Any] | None:
        import torch

        path = self.folder / layout.CHECKPOINT
        if not path.is_file():
            return None
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)  # the device may have changed
            if saved["key"] != self.key:
                return None
            if self.job.record is not None:
                check_frames(self.job, self.folder, len(saved["rows"]))
        except Exception as error:  # damaged by a crash while writing; the unpickler raises any type of exception
            if runtime.out_of_memory(error):
                raise
            return None
        for path in (self.folder / layout.SNAPSHOTS).rglob(".*"):  # left by a process that was killed while writing
            path.unlink()
        self.rows = saved["rows"]
        log.info(logs.resumed_text(len(self.rows)))
        run: dict[str, Any] = saved["run"]
        return run

    def complete(self, record: dict[str, Any]) -> None:
        """Write losses and animation of a finished run, and mark the work folder as complete."""
        if self.job.record is not None:
            s = self.job.settings
            self._write_losses()
            animate(self._frames, self.folder / layout.ANIMATION, frame_rate=s.frame_rate, end_pause=s.end_pause)
        publication.complete(self.job, record)

    def _write_losses(self) -> None:
        head = ["iteration", "content", "style", "tv", "total", "seconds"]
        names = dict.fromkeys(name for row in self.rows for name in row)  # the last pass may have another style loss
        columns = [*head, *(name for name in names if name not in head)]
        with (self.folder / layout.LOSSES).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
