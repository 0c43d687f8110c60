"""Stylize a pair in this process, or in the worker that runs the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nst.worker import client

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.engine.stylization import Progress
    from nst.pair.job import Job


def stylize_pair(job: Job, on_progress: Callable[[Progress], None], runner: Runner | None) -> dict[str, Any]:
    """Stylize a pair and write its files; returns the run record. If all GPUs are busy, idle workers are stopped."""
    from nst.pair import stylize

    if runner is not None:
        return runner.stylize(job, on_progress)
    return stylize.stylize_pair(job, on_progress, when_busy=client.stop_workers)
