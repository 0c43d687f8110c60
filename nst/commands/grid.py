"""`nst grid`: what a manifest asks for, before anything runs."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from nst.bundles import bundled, forecast
from nst.config import CONFIG, Config, load_config
from nst.errors import NstError
from nst.estimate import duration_text, estimate, minutes
from nst.grid import Pair, print_grid_csv, read_grid
from nst.inputs import Files


@click.command()
@click.argument("manifest", required=False)
@click.option("--config", "config_file", metavar="FILE", help=f"Configuration.  [default: {CONFIG}, if there is one]")
@click.option("--results", metavar="DIR", help="Folder of the results.  [default: the config's]")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line a pair, with every setting, as CSV.")
@click.option("--cluster", is_flag=True, help="Show what a cluster would be asked for: bundles, hours, memory.")
@click.option(
    "--profile",
    metavar="DIR",
    default="profiles/slurm",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Of the cluster: its nst.yaml counts more than the configuration.",
)
@click.option("--limit", default=10, show_default=True, help="Print at most so many lines of a kind; 0 prints all.")
def command(
    manifest: str | None,
    config_file: str | None,
    results: str | None,
    as_csv: bool,
    cluster: bool,
    profile: Path,
    limit: int,
) -> None:
    """Show the pairs of MANIFEST, how many jobs they are, and about how long they take. Runs nothing."""
    config = load_config(config_file or CONFIG) if config_file or Path(CONFIG).exists() else Config()
    if cluster:
        config = _with_profile(config, profile)
    manifest, results, files = manifest or config.manifest, results or config.results, Files()
    pairs = read_grid(manifest, config, files)
    if as_csv:
        bundles = bundled(pairs, config, files) if config.bundle else []
        names = {pair.id: bundle.name for bundle in bundles for pair in bundle.pairs}
        print_grid_csv(pairs, sys.stdout, results, config.format, names)
        return
    report = _cluster if cluster else partial(_report, limit=limit)
    for line in report(manifest, pairs, config, results, files):
        click.echo(line)


def _report(
    manifest: str, pairs: list[Pair], config: Config, results: str, files: Files, *, limit: int
) -> Iterator[str]:
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


def _with_profile(config: Config, profile: Path) -> Config:
    """The configuration as `snakemake --workflow-profile` has it."""
    file = profile / "nst.yaml"
    if not file.is_file():
        raise NstError(f"{file}: is not there; name the folder of a cluster's profile with --profile")
    return config.model_copy(update=load_config(file).model_dump(exclude_unset=True))


def _cluster(manifest: str, pairs: list[Pair], config: Config, results: str, files: Files) -> Iterator[str]:
    """What would be submitted, by forecast. With `bundle: 0` each pair is a job of its own."""
    there = {pair.id for pair in pairs if Path(pair.image(results, config.format)).exists()}
    jobs = [
        job
        for job in bundled(pairs, config, files)
        if not (Path(job.marker(results)).exists() if config.bundle else there.issuperset(p.id for p in job.pairs))
    ]
    yield f"{manifest}: {_count(len(pairs), 'pair')}{_there(len(there))}"
    if not jobs:
        return
    painted = [pair for job in jobs for pair in job.pairs if pair.id in there]
    what = "CPU node" if config.device == "cpu" else "GPU"
    each = sorted(len(job.pairs) for job in jobs)
    longest = max(jobs, key=lambda job: job.seconds)
    hours = (sum(job.seconds for job in jobs) - sum(forecast(pair, config, files)[0] for pair in painted)) / 3600
    yield ""
    of_each = f"of {each[0]:,}" if each[0] == each[-1] else f"of {each[0]:,} to {each[-1]:,}"
    yield f"bundles   {_count(len(jobs), 'job')} {of_each} pairs (config: bundle: {config.bundle:g} minutes)"
    eight = max(longest.seconds, 450 * hours)  # a job is not divided
    about = f"about {hours:,.1f}" if hours >= 0.1 else "less than 0.1"
    yield f"hours     {about} {what} hours: {duration_text(3600 * hours)} on 1, {duration_text(eight)} on 8"
    longest_text = f"{longest.name}, {_count(len(longest.pairs), 'pair')}, about {duration_text(longest.seconds)}"
    yield f"longest   {longest_text}; asked for: {minutes(longest.seconds)} min"
    yield f"memory    up to {max(job.megabytes for job in jobs) / 1000:.1f} GB a job"
    if config.device != "cpu":
        yield "          of a GPU whose speed is a cautious guess: a job that takes longer goes on in its next try"


def _shortened(lines: list[str], limit: int) -> list[str]:
    if not 0 < limit < len(lines):
        return lines
    return [*lines[:limit], f"  … and {len(lines) - limit:,} more (--limit 0 shows them)"]


def _forecast(pairs: list[Pair], config: Config, results: str, files: Files) -> Iterator[str]:
    waiting = [pair for pair in pairs if not Path(pair.image(results, config.format)).exists()]
    yield f"jobs      {_count(len(waiting), 'picture')} to paint{_there(len(pairs) - len(waiting))}"
    if not waiting:
        return
    cores = os.cpu_count() or 1
    forecasts = [estimate(pair.settings, files.size(pair.content), cores) for pair in waiting]
    seconds, megabytes = sum(s for s, _ in forecasts), max(m for _, m in forecasts)
    yield f"time      about {duration_text(seconds)} on {_count(cores, 'CPU core')}; a GPU is far faster"
    yield f"memory    about {megabytes / 1000:.1f} GB for each picture that is painted at the same time"


def _there(number: int) -> str:
    return f", {_count(number, 'picture')} there already" if number else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
