"""A pair in a process of its own that starts in no time, to be killed or starved."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["warm"])


def run(function: Callable[..., None], *arguments: Any) -> int:
    """The exit status of a process that calls a function; below 0 the signal that has ended it."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1]), before])  # of the fork server
    try:
        process = _context.Process(target=function, args=arguments)
        process.start()
    finally:
        os.environ["PYTHONPATH"] = before
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def stylize_pair(job: Any, said: Path, *, kill_before: int = 0, below: str = "/", ledger: Path | None = None) -> None:
    """Stylize a pair as the command does, with a checkpoint after each iteration; see hook/sitecustomize.py.

    `said` gets the error, or how many changes were made.
    """
    sys.path.insert(0, str(HERE / "hook"))
    import sitecustomize as hook

    from nst.errors import NstError
    from nst.pair import recording
    from nst.pair import stylize as pair

    recording.CHECKPOINT_EVERY = recording.CHECKPOINT_SPACING = 0
    changes = hook.kill_before(kill_before, below)  # first: who is killed before a change has not made it
    if ledger:
        hook.keep_ledger(ledger)
    try:
        pair.stylize_pair(job)
        said.write_text(f"{len(changes)} changes")
    except NstError as error:
        said.write_text(str(error))
        sys.exit(1)


def limited(job: Any, said: Path, limits: dict[int, int]) -> None:
    """Stylize under limits of this process: RLIMIT_AS counts from what it has."""
    for limit, number in limits.items():
        has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        number += has if limit == resource.RLIMIT_AS else 0
        resource.setrlimit(limit, (number, resource.getrlimit(limit)[1]))
    stylize_pair(job, said)
