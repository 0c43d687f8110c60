"""`nst bundle`: stylize the pairs of one bundle in one cluster job."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

import click

from nst.commands.completion import FILE
from nst.commands.options import PATH, device_option, threads_option
from nst.errors import Problems
from nst.grid.bundles import bundled, find
from nst.grid.config import load_config
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid
from nst.io.files import refuse_inputs, replacing
from nst.machine import private
from nst.worker.bundle import stylizing


@click.command()
@click.argument("manifest")
@click.argument("name")
@click.option(
    "--config", "config_file", type=FILE, metavar="FILE", required=True, help="Configuration file that sets `bundle`."
)
@click.option(
    "-o", "--output", metavar="FILE", type=PATH, required=True, help="JSON file to write when all pairs are stylized."
)
@click.option("--work", metavar="FOLDER", type=PATH, required=True, help="Folder for unfinished work.")
@click.option("--logs", metavar="FOLDER", type=PATH, required=True, help="Folder for the logs of the pairs.")
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
    began, failed = time.monotonic(), []
    with stylizing(pairs, config, work, logs, device=device, threads=threads, attempt=attempt) as stylized:
        for number, (pair, message) in enumerate(stylized, 1):
            click.echo(f"{number}/{len(pairs)} {pair.id}{': FAILED' if message else ''}")
            if message:
                failed.append(f"{pair.id}: {message}")
    if failed:
        raise Problems([f"{len(failed)} of {len(pairs)} pairs failed; the others are stylized", *failed])
    with replacing(output) as temporary:
        seconds = round(time.monotonic() - began, 3)
        record = {"bundle": name, "seconds": seconds, "pairs": [pair.id for pair in pairs]}
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
