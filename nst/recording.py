"""The course of one picture, kept in its work folder: losses, snapshots, frames, and checkpoints to go on from."""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nst.animation import animate
from nst.background import Background
from nst.files import move
from nst.images import resize, write_picture
from nst.job import Inputs, Job, transfer_of
from nst.stopping import stop_requests
from nst.workplace import CHECKPOINT, empty

if TYPE_CHECKING:
    from nst.engine.stylization import Finished, Progress, Transfer

log = logging.getLogger(__name__)

#: Long side of an animation's frame in px.
FRAME_SIDE = 480
#: Seconds between checkpoints, and at least so many for each second that the last one took: of a large picture it is
#: gigabytes.
CHECKPOINT_EVERY, CHECKPOINT_SPACING = 60.0, 20.0
#: Seconds of work that are kept when a run is stopped.
WORTH = 5.0


def has_frame(evaluation: int, step: int) -> bool:
    """Whether a frame is kept at an evaluation: steps grow by a third from 1 to `step`; none where `step` is 0.

    Of 150 evaluations the third changes a picture as much as all from the 57th on.
    """
    early = _early_frames(step) if step else ()
    return bool(early) and (evaluation in early or (evaluation > early[-1] and (evaluation - early[-1]) % step == 0))


@cache
def _early_frames(step: int) -> tuple[int, ...]:
    """The evaluations with a frame up to where the steps are of full length."""
    found = [1]
    while found[-1] // 3 < step:
        found.append(found[-1] + max(1, found[-1] // 3))
    return tuple(found)


class Stylizer(Protocol):
    """Paints a transfer, tells what happens, and returns when it is finished; raises NstError as `stylize` does."""

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


def in_turn(transfer: Transfer, handle: Callable[[Progress | Finished], None], **how: Any) -> None:
    """The `Stylizer` of a process that paints one picture after another."""
    from nst.engine.stylization import together

    for _, event in together([transfer], **how):
        assert event is not None
        handle(event)


class Recording:
    """A run's trace in its work folder: losses, snapshots, frames and checkpoints."""

    def __init__(self, job: Job, inputs: Inputs, key: str, painted: dict[str, Any]):
        self.job, self.inputs, self.painted = job, inputs, painted
        self.key = [key, job.record is not None, job.output.suffix]
        """Of the checkpoint: who goes on must find the frames and snapshots of what has been."""
        self.folder = job.workplace
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0
        """Of the optimisation, in processes that were interrupted."""
        self._next_checkpoint = time.monotonic() + CHECKPOINT_EVERY
        self._worth_a_checkpoint = time.monotonic() + WORTH
        self._background = Background()  # so that the optimization goes on while frames are encoded

    @property
    def _frames(self) -> Path:
        return self.folder / "snapshots" / "frames"

    def optimise(
        self, state: dict[str, Any], on_progress: Callable[[Progress], None] | None, stylizer: Stylizer
    ) -> Finished:
        """Run the optimisation to its end, from the last checkpoint where there is one."""
        from nst.engine.stylization import Finished

        job, inputs = self.job, self.inputs
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
            del self.rows[event.evaluation - 1 :]  # a picture that failed in company begins anew
            self.rows.append({"evaluation": event.evaluation, **event.losses, "seconds": before + event.seconds})
            self._keep(event)
            try:
                if on_progress:
                    on_progress(event)
                if asked_to_stop():
                    raise KeyboardInterrupt
            except KeyboardInterrupt:  # a cluster's time is over, a client has gone, or Ctrl-C
                if time.monotonic() > self._worth_a_checkpoint:
                    self._checkpoint(event)
                raise

        transfer = transfer_of(job, inputs)
        try:
            with stop_requests() as asked_to_stop:
                stylizer(transfer, handle, state=state, device=job.device, threads=job.threads, resume=resume)
            [finished] = end
            self._frame(job.settings.iterations, finished.pixels)
            self._background.settle()
        finally:
            self._background.close()  # before the folder is tidied, which a write would bring back
        self._keep_network(finished)
        return finished

    def _keep(self, event: Progress) -> None:
        s = self.job.settings
        kept = self.job.record is not None
        if kept and has_frame(event.evaluation, s.frames):
            self._frame(0 if event.evaluation == 1 else event.evaluation, event.picture())
        if kept and s.snapshots and event.evaluation % s.snapshots == 0:
            name = f"{event.evaluation:06d}{self.job.output.suffix}"
            self._snapshot(self.folder / "snapshots" / name, event)
        if time.monotonic() > self._next_checkpoint:
            self._checkpoint(event)

    def _snapshot(self, path: Path, event: Progress) -> None:
        """A whole picture, as the finished one is, with the settings of its run."""
        pixels, alpha = event.picture(), self.inputs.content.alpha
        if alpha is not None:
            alpha = resize(alpha, shape=(pixels.shape[0], pixels.shape[1]))  # at a coarse scale
        carried = self.painted | {"evaluation": event.evaluation}
        self._background.write(lambda: write_picture(path, pixels, alpha=alpha, metadata=carried, folders=False))

    def _frame(self, evaluation: int, pixels: np.ndarray) -> None:
        if self.job.record is None:
            return
        height, width = self.inputs.content.pixels.shape[:2]  # at a coarse scale the picture is smaller
        share = min(1.0, FRAME_SIDE / max(height, width))
        shape = (max(1, round(height * share)), max(1, round(width * share)))
        path = self._frames / f"{evaluation:06d}.jpg"
        alpha = self.inputs.content.alpha
        seen = None if alpha is None else resize(alpha, shape=shape)
        self._background.write(
            lambda: write_picture(path, resize(pixels, shape=shape), alpha=seen, quality=92, folders=False)
        )

    def _keep_network(self, finished: Finished) -> None:
        if self.job.record is not None and finished.network is not None:
            from nst.engine.transformation import save

            save(finished.network, self.folder / "snapshots" / "network.safetensors")

    def _checkpoint(self, event: Progress) -> None:
        import torch

        began = time.monotonic()
        self._background.settle()  # who goes on from here has the frames up to here
        temporary = self.folder / "checkpoint.tmp"
        try:
            torch.save({"key": self.key, "rows": self.rows, "run": event.state()}, temporary)
            temporary.replace(self.folder / CHECKPOINT)
        except (OSError, RuntimeError) as error:  # a full disk; the painting itself is well
            log.warning("no checkpoint could be written (%s)", str(error).partition("\n")[0])
            temporary.unlink(missing_ok=True)
        took = time.monotonic() - began
        self._next_checkpoint = time.monotonic() + max(CHECKPOINT_EVERY, CHECKPOINT_SPACING * took)

    def _resumable(self) -> dict[str, Any] | None:
        import torch

        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)  # the device may be another one
        except (RuntimeError, OSError, EOFError, ValueError):  # the machine went down while it was written
            return None
        if saved["key"] != self.key:
            return None
        self.rows = saved["rows"]
        log.info("going on after evaluation %d of an interrupted run", len(self.rows))
        run: dict[str, Any] = saved["run"]
        return run

    def publish(self, record: dict[str, Any], picture: Path) -> None:
        """Move the finished files to their names, the record last: it tells that all are there."""
        folder = self.job.record
        if folder is not None:
            self._write_losses(self.folder / "losses.csv")
            (self.folder / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
            gif, s = self.folder / "animation.gif", self.job.settings
            animate(self._frames, gif, frame_rate=s.frame_rate, hold=s.hold)
            # Who is stopped from here on begins anew: frames that are gone already would be missed.
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
            (folder / "run.json").unlink(missing_ok=True)
            if (folder / "snapshots").exists():  # a folder takes no other's place
                move(folder / "snapshots", self.folder / "snapshots.before")
            for name in ("snapshots", "animation.gif", "losses.csv"):
                move(self.folder / name, folder / name)
        move(picture, self.job.output)
        if folder is not None:
            move(self.folder / "run.json", folder / "run.json")

    def _write_losses(self, path: Path) -> None:
        head = ["evaluation", "content", "style", "tv", "total", "seconds"]
        columns = [*head, *(name for name in self.rows[0] if name not in head)]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
