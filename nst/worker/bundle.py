"""Stylizing the pairs of a bundle at the same time, by workers that end with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from nst.errors import NstError
from nst.grid.command_line import stylize_arguments
from nst.grid.config import Config
from nst.grid.pairs import Pair
from nst.io.logs import last_message
from nst.machine import gpus, private
from nst.machine.workers import set_worker_owner
from nst.worker import client

#: Images submitted to a GPU at the same time. Its worker optimizes those that match as one batch.
MAX_CONCURRENT = 16


@contextmanager
def stylizing(
    pairs: Sequence[Pair], config: Config, work: Path, logs: Path, *, device: str, threads: int, attempt: int = 1
) -> Iterator[Iterator[tuple[Pair, str]]]:
    """Stylize pairs while the context lasts; after Ctrl-C in it, the pairs in progress are cancelled.

    Args:
        work, logs: folders of the unfinished work and of the logs, with a folder or file for each pair's id.
        device, threads: as the options of `nst stylize`.
        attempt: retry number from 1; each retry stylizes fewer pairs at the same time.
    Yields:
        each pair in order, when it is done, with its error message: '' if there is none.
    """
    machine = ["--device", device, "--threads", str(threads)]
    with _own_workers(), _pool(_concurrent_pictures(device, attempt)) as pool:
        messages = pool.map(lambda pair: _stylize(pair, config, machine, work, logs), pairs)
        yield zip(pairs, messages, strict=True)


def _concurrent_pictures(device: str, attempt: int) -> int:
    """Images stylized at the same time. On a GPU, each retry has fewer: the last one may have run out of memory."""
    return max(1, MAX_CONCURRENT // 4 ** (attempt - 1)) if gpus.for_device(device) else 1


@contextmanager
def _pool(concurrent: int) -> Iterator[ThreadPoolExecutor]:
    """A thread pool that drops its waiting tasks and cancels the others after Ctrl-C."""
    pool = ThreadPoolExecutor(concurrent)
    try:
        yield pool
    except KeyboardInterrupt:
        client.cancel()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _own_workers() -> Iterator[None]:
    """Use workers that stop with this process, on a CPU too: starting them once is what a bundle saves."""
    mode = os.environ.get("NST_WORKER", "auto")
    set_worker_owner("yes" if mode == "auto" else mode)
    with (private.private_folder() / "bundles").open("w") as bundles:  # bundles of one allocation share this lock
        fcntl.flock(bundles, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # another bundle is still running
                fcntl.flock(bundles, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if private.allocation():  # the node is given back after this job
                    client.ask(leave=True)
                    shutil.rmtree(private.private_folder(), ignore_errors=True)


def _stylize(pair: Pair, config: Config, machine: list[str], work: Path, logs: Path) -> str:
    """Stylize a pair by `nst stylize`. Returns the error message, '' if there is none.

    Its client is a thread of this process, because starting a process takes longer than the client's work.
    """
    log = logs / f"{pair.id}.log"
    command = ["stylize", "--force", *machine, *stylize_arguments(pair, config, str(work / pair.id))]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            code = client.run(command, file) if client.should_use_worker(command) else None
            if code is None:
                file.flush()
                code = subprocess.run([sys.executable, "-m", "nst", *command], stdout=file, stderr=file).returncode
        if code == 0:
            return ""
        return last_message(log) or f"nst stylize ended with exit status {code}, without a message in {log}"
    except NstError as error:
        return str(error)
    except OSError as error:
        return f"{log}: cannot be written ({error.strerror}); choose a results folder that you may write to"
