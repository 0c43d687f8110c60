"""`nst grid`: what a manifest asks for, before anything runs."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from nst.config import CONFIG, Config, load_config
from nst.estimate import duration_text, estimate
from nst.grid import Pair, print_grid_csv, read_grid
from nst.inputs import Files


@click.command()
@click.argument("manifest", required=False)
@click.option("--config", "config_file", metavar="FILE", help=f"Configuration.  [default: {CONFIG}, if there is one]")
@click.option("--results", metavar="DIR", help="Folder of the results.  [default: the config's]")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line a pair, with every setting, as CSV.")
@click.option("--limit", default=10, show_default=True, help="Print at most so many lines of a kind; 0 prints all.")
def command(manifest: str | None, config_file: str | None, results: str | None, as_csv: bool, limit: int) -> None:
    """Show the pairs of MANIFEST, how many jobs they are, and about how long they take. Runs nothing."""
    config = load_config(config_file or CONFIG) if config_file or Path(CONFIG).exists() else Config()
    manifest, results, files = manifest or config.manifest, results or config.results, Files()
    pairs = read_grid(manifest, config, files)
    if as_csv:
        print_grid_csv(pairs, sys.stdout, results, config.format)
        return
    for line in _report(manifest, pairs, config, results, files, limit):
        click.echo(line)


def _report(manifest: str, pairs: list[Pair], config: Config, results: str, files: Files, limit: int) -> Iterator[str]:
    yield f"{manifest}: {_count(len(pairs), 'pair')}"
    contents = Counter(pair.content_name for pair in pairs)
    styles = Counter(pair.style_name for pair in pairs)
    settings = Counter(pair.settings_name for pair in pairs)
    for title, counter in (("contents", contents), ("styles", styles), ("settings", settings)):
        yield ""
        yield f"{title} ({len(counter):,})"
        yield from _shortened([f"  {name}  ({_count(n, 'pair')})" for name, n in counter.items()], limit)
    yield ""
    yield f"pairs ({results}/pairs/…)"
    yield from _shortened([f"  {pair.id}" for pair in pairs], limit)
    yield ""
    yield from _forecast(pairs, config, results, files)


def _shortened(lines: list[str], limit: int) -> list[str]:
    if not 0 < limit < len(lines):
        return lines
    return [*lines[:limit], f"  … and {len(lines) - limit:,} more (--limit 0 shows them)"]


def _forecast(pairs: list[Pair], config: Config, results: str, files: Files) -> Iterator[str]:
    waiting = [pair for pair in pairs if not Path(pair.image(results, config.format)).exists()]
    done = f", {_count(len(pairs) - len(waiting), 'picture')} there already" if len(waiting) < len(pairs) else ""
    yield f"jobs      {_count(len(waiting), 'picture')} to paint{done}"
    if not waiting:
        return
    cores = os.cpu_count() or 1
    forecasts = [estimate(pair.settings, files.size(pair.content), cores) for pair in waiting]
    seconds, megabytes = sum(s for s, _ in forecasts), max(m for _, m in forecasts)
    yield f"time      about {duration_text(seconds)} on {_count(cores, 'CPU core')}; a GPU is far faster"
    yield f"memory    about {megabytes / 1000:.1f} GB for each picture that is painted at the same time"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
