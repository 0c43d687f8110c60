"""Stylizing one pair on a terminal, for `nst stylize` and `nst reproduce`: its progress, and a line when it is done."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst.io import logs
from nst.settings import counted
from nst.worker import client

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.engine.stylization import Progress
    from nst.pair.job import Job


def stylized(job: Job, runner: Runner | None) -> dict[str, Any]:
    """Stylize a pair in this process, or in the worker that runs the command, and show progress.

    Returns the run record. If all GPUs are busy, idle workers are stopped.
    """
    from nst.pair.stylize import stylize_pair

    with Display(job.settings.iterations, job.output) as display:
        if runner is not None:
            return runner.stylize(job, display.show)
        return stylize_pair(job, display.show, when_busy=client.stop_workers)


def summary(record: dict[str, Any]) -> str:
    """One line about a finished pair."""
    if "skipped" in record:
        return f"{record['output']['path']}: {logs.UP_TO_DATE}"
    out, metrics = record["output"], record["metrics"]
    measured = (
        f", style_error {metrics['style_error']:.3f}, content_error {metrics['content_error']:.3f}" if metrics else ""
    )
    most, run, seconds = record["settings"]["iterations"], record["iterations_run"], record["seconds"]
    iterations = counted(run, "iteration") if run == most else f"{run:,} of {counted(most, 'iteration')}"
    return (
        f"{out['path']}: {out['width']}×{out['height']} px, {iterations} in {seconds['optimize']:.0f} s "
        f"({seconds['total']:.0f} s in all) on {record['device']} ({record['precision']}){measured}"
    )


class Display:
    """Shows progress: a bar on a terminal, a line every EVERY seconds in a log."""

    EVERY = 10.0

    def __init__(self, iterations: int, output: Path):
        self.iterations, self.output = iterations, output
        self._bar: Any = None
        self._last_logged = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.set_description_str(self.output.name, refresh=False)
            self._bar.close()

    def show(self, event: Progress) -> None:
        if sys.stderr.isatty():
            self._advance(event)
        elif event.iteration == self.iterations or time.monotonic() - self._last_logged > self.EVERY:
            self._last_logged = time.monotonic()
            text = logs.report_text(event.iteration, self.iterations, event.losses, event.seconds)
            logging.getLogger(__name__).info(text)

    def _advance(self, event: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self.iterations, initial=event.iteration - 1, desc=self.output.name, unit="it")
        self._bar.set_postfix_str(logs.losses_text(event.losses), refresh=False)
        self._bar.update()
        if event.iteration == self.iterations:  # the next seconds have no iterations
            self._bar.set_description_str(f"{self.output.name} (measuring)")
