"""The state of a run, counted from Snakemake's events: images done, running and failed, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst import layout
from nst.io.logs import last_report, own_messages

#: Seconds and share of the work after which the time left is extrapolated.
_LEAST_SECONDS, _LEAST_SHARE = 10.0, 0.02
#: Lines of a failed job's messages that are printed.
_LINES = 5


@dataclass(frozen=True)
class SnakemakeJob:
    """A job of Snakemake's. `images` are the ids of the pairs that it stylizes."""

    name: str
    images: tuple[str, ...]
    logs: tuple[str, ...]
    local: bool


class Tally:
    """What became of the images of a run.

    Images of a cluster job (`bundles`) are finished before the job is; they are found by their files.
    """

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock = clock
        self.began = clock()
        self.steps = 0
        """All jobs of the run; 0 before it is known."""
        self._ended = self._ended_images = self._jobs_of_images = 0
        self._all_seconds = self._done_seconds = 0.0
        self._first: tuple[float, float] | None = None
        """When the first iterations were seen, and the finished share of the work then."""
        self._latest: tuple[float, float] = (self.began, 0.0)
        """When the finished share last changed, and the share since then."""
        self._seconds: dict[str, float] = {}
        self._bundles: Mapping[str, Sequence[str]] = {}
        self._results, self._format = "", ""
        self._jobs: dict[str, SnakemakeJob] = {}
        self._running: dict[str, SnakemakeJob] = {}
        self._done: set[str] = set()
        self._failed: dict[str, tuple[str, ...]] = {}
        self.stopped = False
        """Whether the user has stopped the run: jobs that end then have not failed."""

    def begin(
        self, images: Mapping[str, float], bundles: Mapping[str, Sequence[str]], results: str, format: str
    ) -> None:
        """Note the images of this run.

        Args:
            images: estimated seconds of each pair that is stylized, by id; without those whose job only puts a finished
                image back.
            bundles: the pairs of each bundle that is stylized.
            results: the folder of the results.
            format: the file format of the images.
        """
        self.began = self._clock()
        self._seconds, self._bundles, self._results, self._format = dict(images), bundles, results, format
        bundled = {name for names in bundles.values() for name in names}
        self._jobs_of_images = len(bundles) + len(images.keys() - bundled)
        self._all_seconds, self._done_seconds = sum(images.values()), 0.0
        self._first, self._latest = None, (self.began, 0.0)

    def start(self, event: Mapping[str, Any]) -> None:
        """A job was started, or submitted to a cluster."""
        name = "/".join(map(str, (event["wildcards"] or {}).values()))
        kind = event["rule_name"].rpartition("_")[2]  # as a module, the workflow has rules like other_stylize
        images = (name,) if kind == "stylize" else tuple(self._bundles.get(name, ())) if kind == "bundle" else ()
        images = tuple(name for name in images if not self._seconds or name in self._seconds)  # not what is put back
        shown = name if kind == "stylize" else f"{event['rule_name']} {name}".strip()
        number = str(event["jobid"])
        self._jobs[number] = self._running[number] = SnakemakeJob(
            shown, images, tuple(event["log"] or ()), bool(event["local"])
        )
        self._failed.pop(number, None)

    def finish(self, number: object) -> None:
        """A job has ended well."""
        job = self._running.pop(str(number), None)
        self._ended += 1
        if job and job.images:
            self._ended_images += 1
            self._add_done(job.images)

    def fail(self, event: Mapping[str, Any]) -> Iterator[str]:
        """A job has failed. Yields its messages."""
        number = str(event["jobid"])
        self._running.pop(number, None)
        if self.stopped or number in self._failed:  # Snakemake 9.19 reports failures again at the end
            return
        job = self._jobs.get(number) or SnakemakeJob(event["rule_name"], (), (), True)
        self._failed[number] = job.images
        logs = tuple(event["log"] or job.logs)
        texts = next(filter(None, (own_messages(Path(log), _LINES) for log in logs)), [])
        if job.images == (job.name,):  # the messages before are no errors
            texts = texts[-1:]
        if not texts and event.get("indent"):  # a member of a group that did not fail itself
            return
        first, *more = texts or ["ended without a message"]
        yield f"error     {job.name}: {first}"
        yield from (f"          {text}" for text in more)
        if logs:
            yield f"          log: {', '.join(logs)}"

    def retry(self, number: str) -> str:
        """A failed job is tried again. Returns its name."""
        self._failed.pop(number, None)
        return self._jobs[number].name if number in self._jobs else f"job {number}"

    def look(self) -> None:
        """Find the finished images of cluster jobs."""
        for job in self._running.values():
            if len(job.images) != 1 or job.images[0] != job.name:
                self._add_done(name for name in job.images if name not in self._done and self._is_new(name))

    def text(self) -> str:
        """The state as one line."""
        total, done = len(self._seconds), len(self._done)
        failed = sum(name not in self._done for images in self._failed.values() for name in images)
        parts = [f"{done:,} of {total:,} image{'s' * (total != 1)}"] if total else []
        if done + failed < total:
            at_work = [job for job in self._running.values() if job.images]
            word = "running" if all(job.local for job in at_work) else "submitted"
            jobs = f" job{'s' * (len(at_work) != 1)}" * bool(self._bundles)
            parts += [f"{len(at_work):,}{jobs} {word}"] if at_work else []
            left = self._seconds_left()
        else:
            ended = self._ended - self._ended_images * bool(total)
            parts += [f"{'summaries: ' * bool(total)}{ended:,} of {self.steps - self._jobs_of_images:,} steps"]
            left = None
        parts += [f"{failed:,} failed"] if failed else []
        if left is not None and not self.stopped:
            from nst.settings.wording import duration_text

            parts += [f"about {duration_text(max(left, 1))} left"]
        return ", ".join(parts)

    def _add_done(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._done:
                self._done.add(name)
                self._done_seconds += self._seconds.get(name, 0.0)

    def _seconds_left(self) -> float | None:
        """Extrapolated from the share of the work that is done; None while too little is, or when it is overdue.

        While it does not change, as when images are measured, the seconds are counted down.
        """
        failed = {name for images in self._failed.values() for name in images} - self._done
        work = self._all_seconds - sum(self._seconds.get(name, 0.0) for name in failed)
        done = self._done_seconds
        for job in self._running.values():
            if len(job.images) == 1 and job.images[0] not in self._done:
                done += self._seconds.get(job.images[0], 0.0) * self._fraction(job.logs)
        now, share = self._clock(), done / (work or 1.0)
        if self._first is None and share:  # not since the beginning: workers start once
            self._first = now, share
        if share != self._latest[1]:
            self._latest = now, share
        since, before = self._first or (now, share)
        then, share = self._latest
        if then - since < _LEAST_SECONDS or share - before < _LEAST_SHARE:
            return None
        left = (then - since) / (share - before) * (1 - share) - (now - then)
        return left if left > 0 else None

    def _is_new(self, name: str) -> bool:
        return _time(Path(layout.pair_folder(self._results, name), f"image.{self._format}")) >= self.began

    def _fraction(self, logs: Sequence[str]) -> float:
        """The finished share of a running image: that of the last iteration in its log, and the time since."""
        log = Path(*logs[:1])
        report = last_report(log)
        if report is None:
            return 0.0
        since = max(0.0, self._clock() - _time(log))
        return min(0.99, report.iteration / report.iterations * (1 + since / max(report.seconds, 1.0)))


def _time(path: Path) -> float:
    """The modification time of a file; 0 if it does not exist."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
