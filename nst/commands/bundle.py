"""`nst bundle`: stylize the pairs of one bundle in one cluster job."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from nst.commands.completion import FILE
from nst.commands.options import PATH, device_option, threads_option
from nst.errors import NstError, Problems
from nst.grid.bundles import bundled, find
from nst.grid.command_line import stylize_arguments
from nst.grid.config import Config, load_config
from nst.grid.inputs import Files
from nst.grid.pairs import Pair, read_grid
from nst.io.files import refuse_inputs, replacing
from nst.io.logs import last_message
from nst.machine import gpus, private
from nst.worker import client, protocol

#: Images submitted to a GPU at the same time. Its worker optimizes those that match as one batch.
MAX_CONCURRENT = 16


@click.command()
@click.argument("manifest")
@click.argument("name")
@click.option(
    "--config", "config_file", type=FILE, metavar="FILE", required=True, help="Configuration file that sets `bundle`."
)
@click.option("-o", "--output", type=PATH, required=True, help="JSON file to write when all pairs are stylized.")
@click.option("--work", type=PATH, required=True, help="Folder for unfinished work.")
@click.option("--logs", type=PATH, required=True, help="Folder for the logs of the pairs.")
@click.option("--attempt", type=click.IntRange(1), default=1, help="Retry number; each retry uses a smaller batch.")
@device_option
@threads_option
def command(
    manifest: str,
    name: str,
    config_file: str,
    output: Path,
    work: Path,
    logs: Path,
    attempt: int,
    device: str,
    threads: int,
) -> None:
    """Stylize the pairs of MANIFEST that belong to the bundle NAME.

    `nst grid --csv` lists the bundle of each pair. If a pair fails, the others are stylized nevertheless. After an
    interruption, the same command resumes.
    """
    refuse_inputs([output], [manifest, config_file])
    config, files = load_config(config_file), Files()
    pairs = find(name, bundled(read_grid(manifest, config, files), config, files), manifest).pairs
    where = f"{platform.node()}, job {private.allocation() or 'none'}"
    click.echo(f"{name}: {len(pairs)} pairs on {where}, GPU {os.environ.get('CUDA_VISIBLE_DEVICES') or 'none'}")
    machine = ["--device", device, "--threads", str(threads)]
    began, failed = time.monotonic(), []
    with _own_workers(), _pool(_concurrent_pictures(device, attempt)) as pool:
        messages = pool.map(lambda pair: _stylize(pair, config, machine, work, logs), pairs)
        for number, (pair, message) in enumerate(zip(pairs, messages, strict=True), 1):
            click.echo(f"{number}/{len(pairs)} {pair.id}{': FAILED' if message else ''}")
            if message:
                failed.append(f"{pair.id}: {message}")
    if failed:
        raise Problems([f"{len(failed)} of {len(pairs)} pairs failed; the others are stylized", *failed])
    with replacing(output) as temporary:
        seconds = round(time.monotonic() - began, 3)
        record = {"bundle": name, "seconds": seconds, "pairs": [pair.id for pair in pairs]}
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _concurrent_pictures(device: str, attempt: int) -> int:
    """Images stylized at the same time. On a GPU, each retry has fewer: the last one may have run out of memory."""
    on_gpu = device in ("auto", "cuda") and gpus.available()
    return max(1, MAX_CONCURRENT // 4 ** (attempt - 1)) if on_gpu else 1


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
    protocol.set_worker_owner("yes" if mode == "auto" else mode)
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
