"""One pair from files to files: read, paint, judge, and leave everything at its place at once.

All is written to a work folder first. A run that is interrupted goes on from there; a result takes its name only when
it is whole.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import logging
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import nst
from nst import devices, weights
from nst.animation import animate
from nst.errors import NstError, Problems
from nst.files import move
from nst.images import Picture, bits_of, picture_size, read_picture, resize, write_picture
from nst.inputs import mask_problems
from nst.settings import PATHS, Settings, fields, pictures, text

if TYPE_CHECKING:
    from nst.metrics import Metrics
    from nst.stylization import Finished, Progress

log = logging.getLogger(__name__)

#: Long side of an animation's frame in px.
FRAME_SIDE = 480
#: Seconds between checkpoints, and at least so many for each second that the last one took: of a large picture it is
#: gigabytes.
CHECKPOINT_EVERY, CHECKPOINT_SPACING = 60.0, 20.0
#: The file of the last checkpoint in a work folder.
CHECKPOINT = "checkpoint.pt"

#: Numbers the pictures of this process; from 2 on it is a worker's.
_painted = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """One pair to paint.

    `output` is the picture's path; `record` the folder for losses.csv, run.json, snapshots/ and animation.gif (None:
    picture only); `work` the folder of unfinished work, on the same file system (None: hidden, beside the output).
    """

    content: str
    styles: tuple[tuple[str, float], ...]
    settings: Settings
    output: Path
    record: Path | None = None
    work: Path | None = None
    device: str = "auto"
    threads: int = 0
    id: str = ""

    @property
    def workplace(self) -> Path:
        """The work folder: given, or hidden beside the output."""
        return self.work or self.output.with_name(f".{self.output.name}.work")


@dataclass(frozen=True)
class _Inputs:
    content: Picture
    styles: list[Picture]
    init: Picture | None
    content_mask: Picture | None
    style_mask: Picture | None


def paint(job: Job, on_progress: Callable[[Progress], None] | None = None) -> dict[str, Any]:
    """Paint a pair and write its files; returns the run record (the contents of run.json).

    Another process at the same output makes this one wait. Raises NstError; earlier results then stay as they are.
    """
    from filelock import FileLock

    workplace = job.workplace
    try:
        workplace.mkdir(parents=True, exist_ok=True)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        if job.record is not None:
            job.record.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = error.filename or job.output
        raise NstError(
            f"{where}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from None
    lock = workplace.with_name(workplace.name + ".lock")
    with FileLock(lock):
        workplace.mkdir(exist_ok=True)  # the process that held the lock before has removed it
        try:
            with devices.exclusive_gpu(job.device):
                run, record, staged = _paint(job, on_progress)
            run.publish(record, staged)  # another picture may have the GPU while this one's frames are encoded
            shutil.rmtree(workplace)
        finally:
            _tidy(job, lock)
    return record


def _tidy(job: Job, lock: Path) -> None:
    """Leave nothing behind that no later run can go on with."""
    if job.workplace.exists() and not (job.workplace / CHECKPOINT).exists():
        shutil.rmtree(job.workplace)
    if job.work is None and not job.workplace.exists():
        lock.unlink(missing_ok=True)


def _paint(job: Job, on_progress: Callable[[Progress], None] | None) -> tuple[_Recording, dict[str, Any], Path]:
    """What the run has kept, its record, and its picture in the work folder."""
    clock = _Clock()
    inputs = read_inputs(job)
    paths = (job.content, *(path for path, _ in job.styles), *pictures(job.settings))
    hashes = {path: weights.sha256(Path(path)) for path in paths}
    state, source, digest = weights.load(job.settings.network, job.settings.weights)
    clock.lap("load")
    painted = {
        **_identity(job, inputs, hashes),
        "weights": {"network": job.settings.network, "source": source, "sha256": digest},
    }
    run = _Recording(job, inputs, _key(job, hashes, digest), painted)
    finished = run.optimise(state, on_progress)
    clock.lap("optimise", run.seconds_before)
    metrics = _judge(job, finished, inputs, state, digest)
    clock.lap("judge")
    staged = job.workplace / job.output.name
    height, width = finished.pixels.shape[:2]
    write_picture(staged, finished.pixels, alpha=inputs.content.alpha, metadata=painted)
    clock.lap("write")
    record = painted | _environment(job, finished) | {
        "output": {"path": str(job.output), "width": width, "height": height, "bits": bits_of(staged)},
        "evaluations": finished.evaluations,
        "best_evaluation": finished.best_evaluation,
        "seconds": clock.laps | {"targets": finished.seconds["targets"], "total": clock.total()},
        "losses": {name: finished.losses[name] for name in ("content", "style", "tv", "total")},
        "metrics": metrics.as_dict(),
        "style_weight": finished.style_weight,
        "warnings": list(finished.warnings),
    }  # fmt: skip
    for warning in record["warnings"]:
        log.warning(warning)
    return run, record, staged


def read_inputs(job: Job) -> _Inputs:
    """The pictures of a pair at the sizes that its settings ask for."""
    s = job.settings
    if wrong := mask_problems(s, job.content, job.styles, picture_size):
        raise Problems(f"{column}: {sentence}" for column, sentence in wrong)
    side = s.size or max(picture_size(job.content))
    content = read_picture(job.content, long_side=s.size, shape=(side, side) if s.fit == "square" else None)
    height, width = content.pixels.shape[:2]
    if s.style_fit == "stretch":
        shape = (max(1, round(height * s.style_scale)), max(1, round(width * s.style_scale)))
        styles = [read_picture(path, shape=shape) for path, _ in job.styles]
    else:
        side = max(1, round(max(height, width) * s.style_scale))
        styles = [read_picture(path, long_side=side) for path, _ in job.styles]
    init = read_picture(s.init, shape=(height, width)) if s.init not in PATHS["init"] else None
    return _Inputs(content, styles, init, _mask(s.content_mask, content), _mask(s.style_mask, styles[0]))


def _mask(path: str, picture: Picture) -> Picture | None:
    """A mask at its picture's size, dark where it is transparent."""
    if not path:
        return None
    height, width = picture.pixels.shape[:2]
    mask = read_picture(path, shape=(height, width))
    return mask if mask.alpha is None else replace(mask, pixels=mask.pixels * mask.alpha[..., None])


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str, before: float = 0.0) -> None:
        """The time since the last lap, and what earlier processes had spent on it."""
        now = time.perf_counter()
        self.laps[name], self._last = before + now - self._last, now
        self._start -= before

    def total(self) -> float:
        return time.perf_counter() - self._start


def _key(job: Job, hashes: dict[str, str], digest: str) -> str:
    """What an unfinished run must share with this one to be gone on with."""
    inputs = [*hashes.values(), *(text(share) for _, share in job.styles)]
    parts = [str(nst.ALGORITHM), job.settings.model_dump_json(), *inputs, digest]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Recording:
    """A run's trace in its work folder: losses, snapshots, frames and checkpoints."""

    def __init__(self, job: Job, inputs: _Inputs, key: str, painted: dict[str, Any]):
        self.job, self.inputs, self.key, self.painted = job, inputs, key, painted
        self.folder = job.workplace
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0
        """Of the optimisation, in processes that were interrupted."""
        self._next_checkpoint = time.monotonic() + CHECKPOINT_EVERY

    def optimise(self, state: dict[str, Any], on_progress: Callable[[Progress], None] | None) -> Finished:
        """Run the optimisation to its end, from the last checkpoint where there is one."""
        from nst.stylization import Progress, stylize

        job, inputs = self.job, self.inputs
        resume = self._resumable()
        if resume is None:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
        before = self.seconds_before = self.rows[-1]["seconds"] if self.rows else 0.0
        for event in stylize(
            inputs.content.pixels,
            [style.pixels for style in inputs.styles],
            job.settings,
            state=state,
            blend=[weight for _, weight in job.styles],
            init=inputs.init.pixels if inputs.init else None,
            content_mask=inputs.content_mask.pixels if inputs.content_mask else None,
            style_mask=inputs.style_mask.pixels if inputs.style_mask else None,
            device=job.device,
            threads=job.threads,
            resume=resume,
        ):
            if not isinstance(event, Progress):
                self._frame(job.settings.iterations, event.pixels)
                self._keep_network(event)
                return event
            self.rows.append({"evaluation": event.evaluation, **event.losses, "seconds": before + event.seconds})
            self._keep(event)
            if on_progress:
                on_progress(event)
        raise AssertionError("stylize ends with Finished")

    def _keep(self, event: Progress) -> None:
        s = self.job.settings
        kept = self.job.record is not None
        if kept and s.frames and (event.evaluation == 1 or event.evaluation % s.frames == 0):
            self._frame(0 if event.evaluation == 1 else event.evaluation, event.picture())
        if kept and s.snapshots and event.evaluation % s.snapshots == 0:
            name = f"{event.evaluation:06d}{self.job.output.suffix}"
            self._snapshot(self.folder / "snapshots" / name, event)
        if time.monotonic() > self._next_checkpoint:
            self._checkpoint(event)

    def _snapshot(self, path: Path, event: Progress) -> None:
        """A whole picture, as the finished one is, with the settings of its run."""
        pixels, alpha = event.picture(), self.inputs.content.alpha
        if alpha is not None and alpha.shape != pixels.shape[:2]:  # at a coarse scale
            alpha = None
        write_picture(path, pixels, alpha=alpha, metadata=self.painted | {"evaluation": event.evaluation})

    def _frame(self, evaluation: int, pixels: np.ndarray) -> None:
        if self.job.record is None:
            return
        height, width = self.inputs.content.pixels.shape[:2]  # at a coarse scale the picture is smaller
        share = min(1.0, FRAME_SIDE / max(height, width))
        small = resize(pixels, shape=(max(1, round(height * share)), max(1, round(width * share))))
        write_picture(self.folder / "snapshots" / "frames" / f"{evaluation:06d}.jpg", small, quality=92)

    def _keep_network(self, finished: Finished) -> None:
        if self.job.record is not None and finished.network is not None:
            from nst.transformation import save

            save(finished.network, self.folder / "snapshots" / "network.safetensors")

    def _checkpoint(self, event: Progress) -> None:
        import torch

        began = time.monotonic()
        temporary = self.folder / "checkpoint.tmp"
        torch.save({"key": self.key, "rows": self.rows, "run": event.state()}, temporary)
        temporary.replace(self.folder / CHECKPOINT)
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
        """Move the finished files to their names, the picture last: it stands for the whole."""
        folder = self.job.record
        if folder is not None:
            self._write_losses(self.folder / "losses.csv")
            (self.folder / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
            frames, gif, s = self.folder / "snapshots" / "frames", self.folder / "animation.gif", self.job.settings
            animate(frames, gif, frame_rate=s.frame_rate, hold=s.hold)
            if (folder / "snapshots").exists():  # a folder takes no other's place
                move(folder / "snapshots", self.folder / "snapshots.before")
            for name in ("snapshots", "animation.gif", "losses.csv", "run.json"):
                move(self.folder / name, folder / name)
        move(picture, self.job.output)

    def _write_losses(self, path: Path) -> None:
        head = ["evaluation", "content", "style", "tv", "total", "seconds"]
        columns = [*head, *(name for name in self.rows[0] if name not in head)]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _judge(job: Job, finished: Finished, inputs: _Inputs, state: dict[str, Any], digest: str) -> Metrics:
    """The neutral metrics, by VGG-19's weights at hand, else by lite."""
    from nst.metrics import Judge, judge

    s = job.settings
    loaded = (s.network, s.weights) == ("vgg19", "imagenet")
    by = Judge("vgg19", state, digest) if loaded else Judge.at_hand()
    side = max(finished.pixels.shape[:2])
    as_they_are = s.style_fit == "keep" and s.style_scale >= 1  # the judge shrinks a larger style itself
    styles = inputs.styles if as_they_are else [read_picture(path, long_side=side) for path, _ in job.styles]
    return judge(
        finished.pixels,
        inputs.content.pixels,
        [style.pixels for style in styles],
        by=by,
        blend=[weight for _, weight in job.styles],
        device=job.device,
    )


def _identity(job: Job, inputs: _Inputs, hashes: dict[str, str]) -> dict[str, Any]:
    """What the picture is: all that is needed to make it again. Also the picture's own metadata."""
    return {
        "id": job.id,
        "nst": nst.__version__,
        "algorithm": nst.ALGORITHM,
        "content": _described(job.content, hashes, inputs.content),
        "style": [
            _described(path, hashes, picture) | {"weight": weight}
            for (path, weight), picture in zip(job.styles, inputs.styles, strict=True)
        ],
        "pictures": [{"path": path, "sha256": hashes[path]} for path in pictures(job.settings)],
        "settings": {name: _plain(getattr(job.settings, name)) for name in fields()},
    }


def _described(path: str, hashes: dict[str, str], picture: Picture) -> dict[str, Any]:
    height, width = picture.pixels.shape[:2]
    return {"path": path, "sha256": hashes[path], "width": width, "height": height}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else text(value)


def _environment(job: Job, finished: Finished) -> dict[str, Any]:
    import torch
    import torchvision

    device = devices.torch_device(job.device)
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.type,
        "device_name": devices.name(device),
        "precision": finished.precision,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        **devices.peak_memory(device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": np.__version__,
            "platform": f"{sys.platform} {platform.machine()}",
        },
        "host_cores": os.cpu_count(),
        "process": {"pid": os.getpid(), "picture": next(_painted)},
    }
