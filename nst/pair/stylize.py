"""Stylize one pair from files to files: read, optimize, evaluate, record, publish.

All files are written to a work folder first, from which an interrupted run resumes. They are moved to their paths when
all of them are complete.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst import weights
from nst.errors import NstError
from nst.images import Picture, bits_of, file_digest, write_picture
from nst.io import work_folder
from nst.io.files import check_name, refuse_inputs
from nst.io.waiting import announced
from nst.io.weight_files import OXFORD_SHA256
from nst.machine import gpus, runtime
from nst.pair import publication
from nst.pair.completeness import finished
from nst.pair.job import Inputs, Job, read_inputs
from nst.pair.outputs import check_suffix
from nst.pair.recording import Recording, Stylizer, stylize_directly
from nst.pair.stopping import stop_requests
from nst.settings import fields, identity, pictures, text
from nst.version import ALGORITHM, __version__

if TYPE_CHECKING:
    from nst.engine.stylization import Finished, Progress
    from nst.metrics import Metrics

log = logging.getLogger(__name__)

#: Counts the images of this process; a number above 1 shows that a worker stylized the image.
_stylized = itertools.count(1)


def stylize_pair(
    job: Job,
    on_progress: Callable[[Progress], None] | None = None,
    stylizer: Stylizer = stylize_directly,
    waiting: Callable[[], None] = lambda: None,
    when_busy: Callable[[list[str]], object] = lambda gpus: None,
) -> dict[str, Any]:
    """Stylize a pair and write its files. Returns the run record (the contents of run.json).

    Waits while another process writes the same output. Raises NstError; earlier results are kept then.

    Args:
        on_progress: called after each iteration.
        stylizer: optimizes the image; a worker passes its own.
        waiting: called repeatedly during the wait; an exception from it ends the wait.
        when_busy: called with the GPUs every few seconds while other processes hold all of them.
    """
    try:
        _check_paths(job)
        for folder in filter(None, (job.work_folder.parent, job.output.parent, job.record)):
            folder.mkdir(parents=True, exist_ok=True)
            _check_writable(folder)
        other = announced(f"another nst process that writes {job.output}")
        with work_folder.held(job.work_folder, other, waiting), ExitStack() as stopping:
            with gpus.exclusive_gpu(job.device, when_busy=when_busy):
                if existing := _existing_result(job):
                    return existing
                recording, record = _stylize(job, on_progress, stylizer, stopping)
            recording.complete(record)  # after the GPU is released for the next image
            publication.publish(job)
    except BrokenPipeError:  # the reader of the output has gone
        raise
    except OSError as error:
        path, reason = error.filename or job.output, error.strerror or error
        message = f"{path}: cannot be written ({reason}); choose a writable folder with enough free space"
        raise NstError(message) from error
    except (RuntimeError, MemoryError, ImportError) as error:  # ImportError: no address space for a library
        if not runtime.out_of_memory(error):
            raise
        if isinstance(error, ImportError):
            raise NstError(runtime.no_address_space(error)) from None
        raise NstError(
            f"{job.output}: out of memory; use a smaller size, set tile: 1024 (the same result, in tiles), or stylize "
            "fewer images at the same time"
        ) from None
    return record


def _check_paths(job: Job) -> None:
    """Raise NstError for a format that cannot be written, or a result in place of an input or in the work folder."""
    check_suffix(job.output)
    for path in filter(None, (job.output, job.record)):
        check_name(path)
    refuse_inputs(job.outputs, job.inputs)
    work_folder.check(job.work_folder)
    for path in filter(None, (job.output, job.record)):
        if path.resolve().is_relative_to(job.work_folder.resolve()):
            raise NstError(f"{path}: is within the work folder {job.work_folder}; choose another path for one of them")


def _check_writable(folder: Path) -> None:
    """Raise OSError if the folder is not writable: before an hour of work, and before waiting for a lock in it."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        error.filename = str(folder)  # instead of the temporary file
        raise


def _existing_result(job: Job) -> dict[str, Any] | None:
    """The record of an existing result of the same files, settings and code, with `skipped`; None if there is none.

    Also finishes the publication of a result that was interrupted.
    """

    @cache
    def key() -> str:
        hashes = {path: file_digest(path) for path in job.pictures}
        return _key(job, hashes, weights.load(job.settings.network, job.settings.weights)[2])

    record = finished(job, job.output, job.record, key) if job.unless_done else None
    if record is None and (record := publication.completed(job, key)):
        publication.publish(job)
    return {"output": {"path": str(job.output)}} | record | {"skipped": True} if record else None


def _stylize(
    job: Job, on_progress: Callable[[Progress], None] | None, stylizer: Stylizer, stopping: ExitStack
) -> tuple[Recording, dict[str, Any]]:
    """Optimize, evaluate and write into the work folder. Returns the recording and the run record.

    `stopping` defers signals: the optimization then stops with a checkpoint, and the steps after it are completed.
    """
    clock, started = _Clock(), datetime.now(UTC)
    inputs = read_inputs(job)
    for warning in inputs.warnings:
        log.warning(warning)
    state, source, digest = weights.load(job.settings.network, job.settings.weights)
    clock.lap("load")
    key = _key(job, inputs.hashes, digest)
    description = describe(job, inputs, source, digest) | {"key": key}
    recording = Recording(job, inputs, key, description)
    finished = recording.optimize(state, on_progress, stylizer, stopping.enter_context(stop_requests()))
    # With the time of interrupted processes, and without the wait for the GPU.
    clock.lap("optimize", recording.seconds_before + finished.seconds["targets"] + finished.seconds["optimize"])
    metrics = _evaluate(job, finished, inputs, state, digest)
    clock.lap("metrics")
    staged = job.work_folder / job.output.name
    height, width = finished.pixels.shape[:2]
    metadata = description | {"threads": finished.machine["threads"]}
    write_picture(staged, finished.pixels, alpha=inputs.content.alpha, metadata=metadata)
    clock.lap("write")
    record = description | {"started": started.isoformat(timespec="seconds")} | _environment(job, finished) | {
        "output": {"path": str(job.output), "width": width, "height": height, "bits": bits_of(staged)},
        "iterations_run": finished.iterations,
        "best_iteration": finished.best_iteration,
        "seconds": clock.laps | {"targets": finished.seconds["targets"], "total": sum(clock.laps.values())},
        "losses": {name: loss for name, loss in finished.losses.items() if ":" not in name},
        "metrics": metrics.as_dict(),
        "style_weight": finished.style_weight,
        "batch_size": finished.batch_size,
        "faces": inputs.protection.faces,
        "warnings": [*inputs.warnings, *finished.warnings],
    }  # fmt: skip
    for warning in finished.warnings:
        log.warning(warning)
    return recording, record


class _Clock:
    """Seconds of each phase."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str, seconds: float | None = None) -> None:
        """Record the time since the last lap, or `seconds` instead."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last if seconds is None else seconds, now


def _key(job: Job, hashes: dict[str, str], digest: str) -> str:
    """A hash of inputs, settings, weights and algorithm. A run resumes from, or reuses, only work with the same key."""
    roles = [("content", hashes[job.content])]
    roles += [(f"style {text(share)}", hashes[path]) for path, share in job.styles]
    roles += [(name, hashes[path]) for name, path in pictures(job.settings).items()]
    # With roles, because a file may have two, and two files may swap theirs.
    inputs = [f"{role} {sha256}" for role, sha256 in roles]
    parts = [str(ALGORITHM), identity(job.settings), *inputs, digest]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _evaluate(job: Job, finished: Finished, inputs: Inputs, state: dict[str, Any], digest: str) -> Metrics:
    """The reference metrics of the finished image."""
    from nst.metrics import ReferenceNetwork, evaluate

    by = ReferenceNetwork(job.settings.network, state, digest) if digest == OXFORD_SHA256 else ReferenceNetwork.load()
    return evaluate(
        finished.pixels,
        inputs.content.pixels,
        [style.pixels for style in inputs.references],
        by=by,
        blend=[weight for _, weight in job.styles],
        alpha=inputs.content.alpha,
        device=job.device,
    )


def describe(job: Job, inputs: Inputs, source: str, digest: str) -> dict[str, Any]:
    """The metadata of an image: everything that is needed to reproduce it. Also part of the run record.

    source, digest: source and SHA-256 of the network's weights (`nst.weights.load`).
    """
    hashes, values = inputs.hashes, {name: getattr(job.settings, name) for name in fields()}
    return {
        "id": job.id,
        "nst": __version__,
        "algorithm": ALGORITHM,
        "content": _described(job.content, hashes, inputs.content),
        "style": [
            _described(path, hashes, picture) | {"weight": weight}
            for (path, weight), picture in zip(job.styles, inputs.styles, strict=True)
        ],
        "pictures": [{"path": path, "sha256": hashes[path]} for path in pictures(job.settings).values()],
        "settings": {name: v if isinstance(v, (int, float, str)) else text(v) for name, v in values.items()},
        "weights": {"network": job.settings.network, "source": source, "sha256": digest},
    }


def _described(path: str, hashes: dict[str, str], picture: Picture) -> dict[str, Any]:
    height, width = picture.pixels.shape[:2]
    return {"path": path, "sha256": hashes[path], "width": width, "height": height}


def _environment(job: Job, finished: Finished) -> dict[str, Any]:
    import torch

    device = runtime.torch_device(job.device)
    return {
        "device": device.type,
        "device_name": runtime.name(device),
        "precision": finished.precision,
        **finished.machine,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": f"{sys.platform} {platform.machine()}",
        },
        "host_cores": os.cpu_count(),
        "process": {"pid": os.getpid(), "picture": next(_stylized)},
    }
