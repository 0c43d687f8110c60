"""`nst bundle`: stylize the pairs of one bundle of a grid, in one job of a cluster."""

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

from nst.commands.options import device_option, threads_option
from nst.errors import Problems
from nst.grid.bundles import bundled, find
from nst.grid.command_line import stylize_arguments
from nst.grid.config import Config, load_config
from nst.grid.inputs import Files
from nst.grid.pairs import Pair, read_grid
from nst.io.files import refuse_inputs, replacing
from nst.io.logs import last_sentence
from nst.machine import gpus, private
from nst.worker import client, protocol

#: Pictures that a GPU is offered at once: those that are alike are stylized together.
IN_FLIGHT = 16


@click.command()
@click.argument("manifest")
@click.argument("name")
@click.option("--config", "config_file", metavar="FILE", required=True, help="configuration, with `bundle` in it")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="JSON to write at the end")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="folder of unfinished work")
@click.option("--logs", type=click.Path(path_type=Path), required=True, help="folder of a log for each pair")
@click.option("--attempt", type=click.IntRange(1), default=1, help="of several: later ones stylize fewer at once")
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
    """Stylize the pairs of MANIFEST that are in the bundle NAME; grid.csv tells which those are.

    A pair that fails stops no other, and what is stylized already is left alone: the same command goes on after a stop.
    """
    refuse_inputs(output, [manifest, config_file])
    config, files = load_config(config_file), Files()
    pairs = find(name, bundled(read_grid(manifest, config, files), config, files), manifest).pairs
    where = f"{platform.node()}, job {private.allocation() or 'none'}"
    click.echo(f"{name}: {len(pairs)} pairs on {where}, GPU {os.environ.get('CUDA_VISIBLE_DEVICES') or 'none'}")
    machine = ["--device", device, "--threads", str(threads)]
    began, failed = time.monotonic(), []
    with _own_workers(), _pool(_at_once(device, attempt)) as pool:
        sentences = pool.map(lambda pair: _stylize(pair, config, machine, work, logs), pairs)
        for number, (pair, sentence) in enumerate(zip(pairs, sentences, strict=True), 1):
            click.echo(f"{number}/{len(pairs)} {pair.id}{': FAILED' if sentence else ''}")
            if sentence:
                failed.append(f"{pair.id}: {sentence}")
    if failed:
        raise Problems([f"{len(failed)} of {len(pairs)} pairs failed; the others are stylized", *failed])
    with replacing(output) as temporary:
        seconds = round(time.monotonic() - began, 3)
        record = {"bundle": name, "seconds": seconds, "pairs": [pair.id for pair in pairs]}
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _at_once(device: str, attempt: int) -> int:
    """Pictures in work at the same time: on a GPU less from try to try, for its memory may have been the trouble."""
    on_gpu = device in ("auto", "cuda") and gpus.available()
    return max(1, IN_FLIGHT // 4 ** (attempt - 1)) if on_gpu else 1


@contextmanager
def _pool(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Threads; what they have not begun when Ctrl-C comes is not begun any more."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _own_workers() -> Iterator[None]:
    """Workers that leave with this process, on a CPU too: what a bundle saves is their start."""
    mode = os.environ.get("NST_WORKER", "auto")
    protocol.own_workers("yes" if mode == "auto" else mode)
    with (private.private_folder() / "bundles").open("w") as bundles:  # whose lock those of one allocation share
        fcntl.flock(bundles, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # another one goes on
                fcntl.flock(bundles, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if private.allocation():  # nobody comes after it
                    client.ask(leave=True)
                    shutil.rmtree(private.private_folder(), ignore_errors=True)


def _stylize(pair: Pair, config: Config, machine: list[str], work: Path, logs: Path) -> str:
    """Stylize a pair by `nst stylize`; what went wrong, or nothing."""
    log = logs / f"{pair.id}.log"
    command = ["stylize", "--force", *machine, *stylize_arguments(pair, config, str(work / pair.id))]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            code = subprocess.run([sys.executable, "-m", "nst", *command], stdout=file, stderr=file).returncode
        if code == 0:
            return ""
        return last_sentence(log) or f"it ended with exit status {code}; {log} says no more"
    except OSError as error:
        return f"{log}: cannot be written ({error.strerror}); choose a results folder that you may write to"
