"""Run hostile input where it can do no harm: in a process of its own, with bounds on time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import resource
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nst.errors import NstError

#: Bounds of each case: seconds of CPU time, and megabytes beyond what the process had before it.
SECONDS, MEGABYTES = 10.0, 1000
#: Seconds by the clock for a second of CPU time: other programs may have the cores.
PATIENCE = 6
#: Characters of an error message: nobody reads more, and a log of 10 MB fills disks.
MESSAGE = 20_000

_fork = multiprocessing.get_context("fork")  # what is imported already is not imported again for each case


@dataclass(frozen=True)
class Outcome:
    """How a case ended: the message of its NstError ('' where it was accepted), and what it took."""

    error: str
    seconds: float
    megabytes: float


def bounded(
    call: Callable[..., Any], *args: Any, seconds: float = SECONDS, megabytes: float = MEGABYTES, **kwargs: Any
) -> Outcome:
    """Call a function in a forked process; its Outcome.

    Raises AssertionError for any error but NstError, for a message that is not printable or too long, and where a
    bound is exceeded. The function must not need torch's threads, which a forked process does not have.
    """
    ours, theirs = _fork.Pipe(duplex=False)
    process = _fork.Process(target=_child, args=(theirs, call, args, kwargs))
    with warnings.catch_warnings():  # of threads, which the function does without
        warnings.simplefilter("ignore", DeprecationWarning)
        _return_freed_memory()
        process.start()
    theirs.close()
    try:
        ended = ours.poll(PATIENCE * seconds)
        error, trace, took, grown = ours.recv() if ended else ("", "", seconds, 0.0)
    except EOFError:
        process.join()
        raise AssertionError(f"{call.__name__}: the process ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    assert ended, f"{call.__name__}: not done within {seconds:.0f} s"
    assert took <= seconds, f"{call.__name__}: {took:.1f} s, more than {seconds:.0f}"
    assert not trace, trace
    assert grown <= megabytes, f"{call.__name__}: {grown:.0f} MB, more than {megabytes:.0f}"
    assert len(error) <= MESSAGE, f"{call.__name__}: a message of {len(error):,} characters"
    assert all(c.isprintable() or c == "\n" for c in error), f"{call.__name__}: raw characters in {error!r}"
    return Outcome(error, took, grown)


def _child(answer: Any, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    error = trace = ""
    before, began = _megabytes(), time.process_time()
    try:
        call(*args, **kwargs)
    except NstError as problem:
        error = str(problem)
    except BaseException:
        trace = traceback.format_exc()
    answer.send((error, trace, time.process_time() - began, _megabytes() - before))


def _return_freed_memory() -> None:
    """Return the memory that earlier tests have freed to the system. Without glibc this has no effect.

    `nst.machine.cpu.keep_memory` makes glibc keep it. What the child takes of it would not count as growth.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _megabytes() -> float:
    """The most memory that the process has had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
