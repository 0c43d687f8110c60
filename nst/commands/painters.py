"""Who stylizes a pair for a command: its own process, or the worker that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nst.worker import client

if TYPE_CHECKING:
    from nst.cli import Painter
    from nst.engine.stylization import Progress
    from nst.pair.job import Job


def paint(job: Job, on_progress: Callable[[Progress], None], painter: Painter | None) -> dict[str, Any]:
    """Stylize a pair and write its files; returns the run record. A worker that is idle gives up its GPU for it."""
    from nst.pair import stylize

    if painter is not None:
        return painter.paint(job, on_progress)
    return stylize.paint(job, on_progress, when_busy=client.dismiss)
