"""`nst bundle`: paint the pairs of one bundle of a grid, in one job of a cluster."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click

from nst import devices
from nst.bundles import read_bundle
from nst.cells import parse_styles
from nst.commands.options import device_option, flag, threads_option
from nst.errors import Problems
from nst.files import replacing
from nst.settings import defaults, fields, text
from nst.worker import client

#: Pictures that a GPU is offered at once: those that are alike are painted together.
IN_FLIGHT = 16


@click.command()
@click.argument("grid", type=click.Path(path_type=Path))
@click.argument("bundle")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="JSON to write at the end")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="folder of unfinished work")
@click.option("--logs", type=click.Path(path_type=Path), required=True, help="folder of a log for each pair")
@click.option("--presets", help="folder of your own presets  [default: config/presets]")
@click.option("--place", "places", type=(str, str), multiple=True, help="an address, and the file fetched from it")
@click.option("--attempt", type=click.IntRange(1), default=1, help="of several: later ones paint fewer at once")
@device_option
@threads_option
def command(
    grid: Path,
    bundle: str,
    output: Path,
    work: Path,
    logs: Path,
    presets: str | None,
    places: tuple[tuple[str, str], ...],
    attempt: int,
    device: str,
    threads: int,
) -> None:
    """Paint the pairs of a BUNDLE of GRID, the grid.csv of a results folder.

    A pair that fails stops no other, and what is painted already is left alone: the same command goes on after a stop.
    """
    lines = read_bundle(grid, bundle)
    where = f"{platform.node()}, job {devices.allocation() or 'none'}"
    click.echo(f"{bundle}: {len(lines)} pairs on {where}, GPU {os.environ.get('CUDA_VISIBLE_DEVICES') or 'none'}")
    common = ["--unless-done", "--device", device, "--threads", str(threads)]
    common += ["--presets", presets] if presets else []
    began, failed = time.monotonic(), []
    with _own_workers(), ThreadPoolExecutor(_at_once(device, attempt)) as pool:
        sentences = pool.map(lambda line: _paint(line, dict(places), common, work, logs), lines)
        for number, (line, sentence) in enumerate(zip(lines, sentences, strict=True), 1):
            click.echo(f"{number}/{len(lines)} {line['id']}{': FAILED' if sentence else ''}")
            if sentence:
                failed.append(f"{line['id']}: {sentence}")
    if failed:
        raise Problems([f"{len(failed)} of {len(lines)} pairs failed; the others are painted", *failed])
    with replacing(output) as temporary:
        seconds = round(time.monotonic() - began, 3)
        ids = [line["id"] for line in lines]
        temporary.write_text(json.dumps({"bundle": bundle, "seconds": seconds, "pairs": ids}, indent=1) + "\n", "utf-8")


def _at_once(device: str, attempt: int) -> int:
    """Pictures in work at the same time: on a GPU less from try to try, for its memory may have been the trouble."""
    on_gpu = device in ("auto", "cuda") and devices.gpus()
    return max(1, IN_FLIGHT // 4 ** (attempt - 1)) if on_gpu else 1


@contextmanager
def _own_workers() -> Iterator[None]:
    """Workers that leave with this process, on a CPU too: what a bundle saves is their start."""
    os.environ["NST_WORKER_OWNER"] = str(os.getpid())
    if os.environ.get("NST_WORKER", "auto") == "auto":
        os.environ["NST_WORKER"] = "yes"
    try:
        yield
    finally:
        if devices.allocation():  # nobody comes after it
            client.ask(leave=True)
            shutil.rmtree(devices.private_folder(), ignore_errors=True)


def _paint(line: Mapping[str, str], places: Mapping[str, str], common: list[str], work: Path, logs: Path) -> str:
    """Paint a pair of grid.csv by `nst stylize`; what went wrong, or nothing."""
    log = logs / f"{line['id']}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    styles = [(places.get(path, path), share) for path, share in parse_styles(line["style"])]
    named = [path if len(styles) == 1 else f"{path}:{share:.12g}" for path, share in styles]
    files = ["-o", line["image"], "--record", line["folder"], "--work", str(work / line["id"]), "--id", line["id"]]
    content = places.get(line["content"], line["content"])
    arguments = [*files, *common, *_settings(line, places), "--", content, *named]
    with log.open("wb") as file:
        code = subprocess.run([sys.executable, "-m", "nst", "stylize", *arguments], stdout=file, stderr=file).returncode
    return "" if code == 0 else _sentence(log, code)


def _settings(line: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Flags of the settings of a line of grid.csv; all of them where a preset would give others."""
    basis = defaults()
    given = {name: line[name] for name in fields() if line["preset"] or line[name] != text(getattr(basis, name))}
    return [part for name, value in given.items() for part in (flag(name), places.get(value, value))]


def _sentence(log: Path, code: int) -> str:
    """What a log says of a failure."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    told = [line.removeprefix("nst: ") for line in lines if line.startswith("nst: ")] or lines
    return told[-1] if told else f"it ended with exit status {code}; {log} is empty"
