"""The state of a run, read from the files that the workflow writes."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nst import layout
from nst.errors import NstError
from nst.grid.pairs import Pair
from nst.io.logs import last_message, last_report, resumed_text, tail
from nst.settings.wording import duration_text
from nst.studio.runs import LOG, RESULTS, StudioRun

#: Free bytes with which a disk is full: not even Snakemake's log could be written.
_FULL = 1_000_000
#: How often Snakemake tries a failed image again (rule stylize).
_RETRIES = 1

#: An error in front of any job, such as an image that cannot be read; the lines after the message are places in files.
_WORKFLOW_ERROR = re.compile(r'^\w+ in file ".*", line \d+:\n(.+)', re.MULTILINE)

#: The message that an image is resumed, near the start of its log; bytes of a log that is read for it.
_RESUMED, _LOG_BYTES = re.compile(resumed_text(0).replace("0", r"(\d+)")), 200_000


@dataclass(frozen=True)
class PairProgress:
    """The state of a pair: waiting, running, done or failed."""

    key: str
    pair: Pair
    state: str
    iteration: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    frame: Path | None = None
    error: str = ""
    seconds_left: float | None = None
    """Estimate from the iterations so far; None without one."""
    before: float = 0.0
    """The part that was finished before the run was started, or started again, 0..1."""

    @property
    def fraction(self) -> float:
        """The finished part, 0..1."""
        return 1.0 if self.state == "done" else self.iteration / self.pair.settings.iterations


def read(run: StudioRun) -> list[PairProgress]:
    """The progress of every pair of a run, in the order of the manifest."""
    log = tail(run.folder / LOG, 2_000_000)
    return [_of_pair(run, key, pair, log) for key, pair in run.pairs.items()]


def image_of(run: StudioRun, pair: Pair) -> Path:
    """The finished image of a pair."""
    return run.folder / pair.image(RESULTS, "png")


def newest_frame(run: StudioRun, pair: Pair) -> Path | None:
    """The newest frame of a pair: of the finished image, or of the one in progress."""
    return _newest(_files(run, pair) / layout.FRAMES, "[0-9]*.jpg")


def newest_snapshot(run: StudioRun, pair: Pair) -> Path | None:
    """The newest full-size snapshot of a pair, of a finished image or one in progress."""
    return _newest(_files(run, pair) / layout.SNAPSHOTS, "[0-9]*.png")


def summary(run: StudioRun, done: int, *, left: float | None = None, before: int = 0) -> str:
    """The state of a run in words.

    Args:
        done: finished images.
        left: estimated seconds until the end; None without an estimate.
        before: number of runs that have to start or end before this one starts.
    """
    images = f"{done:,} of {run.images:,} image{'s' * (run.images != 1)}"
    match run.state:
        case "queued":
            return f"waiting for {before:,} other run{'s' * (before != 1)}" if before else "starts in a moment"
        case "running":
            finishing = "; preparing the gallery" * (done == run.images)
            return f"{images}{finishing or (f', about {duration_text(left)} left' if left else '')}"
        case "done":
            took = (run.ended or 0.0) - (run.started or 0.0)
            return f"{run.images:,} image{'s' * (run.images != 1)} in {duration_text(max(took, 1))}"
        case "canceled":
            return f"canceled; {images} finished"
        case _:
            return f"{images} finished"


def pair_summary(pair: PairProgress) -> str:
    """How far a running pair is, in words: 40 of 300, about 20 s left; '' for other states."""
    if pair.state != "running" or not pair.iteration:
        return ""
    left = f", about {duration_text(max(pair.seconds_left, 1))} left" if pair.seconds_left else ""
    return f"{pair.iteration:,} of {pair.pair.settings.iterations:,}{left}"


def seconds_left(run: StudioRun, pairs: Sequence[PairProgress]) -> float | None:
    """Estimated seconds until a running run ends; None for other states.

    From the measured speed once a twentieth is done, before that from the estimate; without what was finished before
    the run was started again, because its time is not known.
    """
    made, left = sum(pair.fraction - pair.before for pair in pairs), sum(1 - pair.fraction for pair in pairs)
    if run.state != "running" or not run.started or not made + left:
        return None
    passed = time.time() - run.started
    if made > 0.05 * (made + left):
        return passed / made * left
    estimate = run.seconds * (made + left) / len(pairs)
    return max(estimate - passed, 0.1 * estimate)


def failure(run: StudioRun, pairs: Sequence[PairProgress]) -> str:
    """Why a run whose Snakemake failed has failed, in one message."""
    if failed := [pair for pair in pairs if pair.state != "done"]:
        reason = next((pair.error for pair in failed if pair.error), "") or _last_error(run)
        if "No space left on device" in reason or shutil.disk_usage(run.folder).free < _FULL:
            reason = "the disk is full"
        count = f"{len(failed):,} of {len(pairs):,} images could not be made"
        return f"{count}: {reason}" if reason else f"{count}; retry the run"
    return f"all images are finished, but not their summaries: {_last_error(run) or 'retry the run'}"


def unreadable(run: StudioRun, error: NstError | FileNotFoundError) -> str:
    """Why the progress of a run cannot be read, for the browser."""
    if isinstance(error, FileNotFoundError):
        return "the folder of this run was removed; delete the run"
    return _message(run, str(error))


def _of_pair(run: StudioRun, key: str, pair: Pair, given_up: str) -> PairProgress:
    """given_up: Snakemake's log."""
    if _is_done(run, pair):
        before = 0.0 if _is_new(run, _record(run, pair)) else 1.0
        return PairProgress(key, pair, "done", pair.settings.iterations, frame=newest_frame(run, pair), before=before)
    log = layout.log_file(run.results, "stylize", pair.id)
    frame, (iteration, losses, left, resumed) = newest_frame(run, pair), _last_iteration(log)
    iteration = max(iteration, int(frame.stem) if frame else 0)
    tries = given_up.count(f"error     {pair.id}: ")  # by the logger plugin
    if tries > _RETRIES or (run.state == "failed" and log.exists()):  # in a bundle, Snakemake's log does not name it
        return PairProgress(key, pair, "failed", iteration, losses, frame, _message(run, last_message(log)))
    if run.state == "running" and (_is_new(run, log) or (frame and _is_new(run, frame))):
        before = resumed / pair.settings.iterations
        return PairProgress(key, pair, "running", iteration, losses, frame, seconds_left=left, before=before)
    # What is there of a waiting pair is older than the start of the run.
    return PairProgress(key, pair, "waiting", iteration, losses, frame, before=iteration / pair.settings.iterations)


def _files(run: StudioRun, pair: Pair) -> Path:
    """The folder of a pair's record; while it is made, its work folder."""
    return run.folder / (pair.folder(RESULTS) if _is_done(run, pair) else layout.work_folder(RESULTS, pair.id))


def _newest(folder: Path, pattern: str) -> Path | None:
    try:
        return max(folder.glob(pattern), default=None)
    except FileNotFoundError:  # the pair is published, and its work folder removed, at this moment
        return None


def _is_done(run: StudioRun, pair: Pair) -> bool:
    return _record(run, pair).is_file() and image_of(run, pair).is_file()


def _record(run: StudioRun, pair: Pair) -> Path:
    return run.folder / pair.folder(RESULTS) / layout.RUN


def _is_new(run: StudioRun, path: Path) -> bool:
    """Whether a file was written since the run was last started; False if there is none."""
    try:
        return path.stat().st_mtime >= (run.started or 0.0)
    except FileNotFoundError:
        return False


def _last_iteration(log: Path) -> tuple[int, dict[str, float], float | None, int]:
    """The last iteration that a log reports, its losses, the estimated seconds that remain, and the iteration after
    which an interrupted image was resumed; its seconds count from there."""
    resumed = int(next(iter(_RESUMED.findall(tail(log, _LOG_BYTES))), 0))
    report = last_report(log)
    if report is None:
        return resumed, {}, None, resumed
    left = report.seconds / max(report.iteration - resumed, 1) * (report.iterations - report.iteration)
    return report.iteration, report.losses, left, resumed


def _last_error(run: StudioRun) -> str:
    """The reason that Snakemake's log gives at its end."""
    text = tail(run.folder / LOG)
    failed = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("failed    ")]
    return _message(run, (failed or _WORKFLOW_ERROR.findall(text) or [last_message(run.folder / LOG)])[-1])


def _message(run: StudioRun, text: str) -> str:
    """A message for the browser, which need not know where the run is on the server."""
    return text.replace(f"{run.folder.absolute()}/", "").replace(f"{run.folder}/", "")[:300]
