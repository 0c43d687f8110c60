"""`nst grid`: show the pairs of a manifest before anything runs."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from nst import layout
from nst.commands.completion import FILE
from nst.commands.options import (
    cluster_profile,
    config_files,
    config_of,
    config_option,
    profile_option,
    results_of,
    results_option,
)
from nst.errors import NstError
from nst.grid import leftovers, plan
from nst.grid.bundles import bundled, forecast
from nst.grid.config import Config, load_configs
from nst.grid.estimate import estimate, minutes
from nst.grid.inputs import Files
from nst.grid.pairs import Pair, equal_images, print_grid_csv, read_grid
from nst.settings import counted
from nst.settings.wording import duration_text


@click.command()
@click.argument("manifest", type=FILE, required=False)
@config_option
@results_option
@click.option("--csv", "as_csv", is_flag=True, help="Print one line per pair with all settings, as CSV.")
@click.option("--cluster", is_flag=True, help="Show the cluster jobs: bundles, hours, memory.")
@profile_option("Its nst.yaml overrides the configuration (with --cluster).", default="slurm")
@click.option(
    "--prune", is_flag=True, help="List the images that belong to no row, and remove them after confirmation."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (with --prune).")
@click.option("--limit", default=10, show_default=True, help="Maximum number of lines per list; 0 prints all.")
def command(
    manifest: str | None,
    config_file: str | None,
    results: str | None,
    as_csv: bool,
    cluster: bool,
    profile: str,
    prune: bool,
    yes: bool,
    limit: int,
) -> None:
    """Show the pairs of MANIFEST, and estimate time and memory. Nothing is stylized."""
    config = config_of(config_file)
    given = {"manifest": manifest or config.manifest, "results": results_of(results) if results else config.results}
    changes = {key: value for key, value in given.items() if value != getattr(config, key)}
    if cluster:
        config = load_configs([*config_files(config_file), cluster_profile(profile) / "nst.yaml"])
    config, files = config.model_copy(update=given), Files()
    manifest, results = config.manifest, config.results
    pairs = read_grid(manifest, config, files)
    if as_csv:
        bundles = bundled(pairs, config, files) if config.bundle else []
        names = {pair.id: bundle.name for bundle in bundles for pair in bundle.pairs}
        print_grid_csv(pairs, sys.stdout, results, config.format, names)
        return
    if prune:
        _prune(pairs, results, yes, limit)
        return
    report = _cluster if cluster else partial(_report, limit=limit)
    for line in report(manifest, pairs, config, results, files):
        click.echo(line)
    run = plan.command(changes, config_file=config_file or "", profile=profile if cluster else "")
    click.echo(f"run       {run}")


def _prune(pairs: list[Pair], results: str, yes: bool, limit: int) -> None:
    """Remove the pairs that belong to no row, after confirmation."""
    names = leftovers.pairs_not_in_grid(results, {pair.id for pair in pairs})
    if not names:
        click.echo(f"{layout.pairs_folder(results)} has no images to remove: each belongs to a row")
        return
    for line in [str(layout.pairs_folder(results)), *_shortened([f"  {name}" for name in names], limit)]:
        click.echo(line)
    megabytes = leftovers.size(results, names) / 1e6
    question = f"{counted(len(names), 'image')} {'belongs' if len(names) == 1 else 'belong'} to no row"
    try:
        agreed = yes or click.confirm(f"{question}; remove {megabytes:,.1f} MB permanently?")
    except click.Abort:
        raise NstError("nothing was removed; answer y, or add --yes") from None
    if not agreed:
        click.echo("nothing was removed")
        return
    remaining = leftovers.prune(results, names)
    click.echo(f"removed {counted(len(names), 'image')}, with records and logs")
    for folder in remaining:
        click.echo(f"{folder} was kept: it contains other files")


def _report(
    manifest: str, pairs: list[Pair], config: Config, results: str, files: Files, *, limit: int
) -> Iterator[str]:
    existing = _made(pairs, config, results)
    yield f"{manifest}: {counted(len(pairs), 'pair')}"
    contents = Counter(pair.content_title for pair in pairs)
    styles = Counter(pair.style_title for pair in pairs)
    settings = Counter(pair.settings_name for pair in pairs)
    for title, counter in (("contents", contents), ("styles", styles), ("settings", settings)):
        yield ""
        yield f"{title} ({len(counter):,})"
        yield from _shortened([f"  {name}  ({counted(n, 'pair')})" for name, n in counter.items()], limit)
    yield ""
    yield f"pairs ({layout.pairs_folder(results)}/…)"
    yield from _shortened([f"  {pair.id}{'  (exists)' * (pair.id in existing)}" for pair in pairs], limit)
    yield ""
    remaining = [pair for pair in pairs if pair.id not in existing]
    yield from _globs(files)
    yield f"results   {Path(results).absolute()}"
    yield f"jobs      {counted(len(remaining), 'image')} to stylize{_existing_text(len(existing))}"
    if others := len(leftovers.pairs_not_in_grid(results, {pair.id for pair in pairs})):
        images = f"{counted(others, 'image')} that no row of the manifest asks for"
        yield f"kept      {images}; --prune lists and removes them"
    yield from _costs(remaining, files)
    if equal := equal_images(pairs):
        yield f"note      {counted(equal, 'image')} will equal another: `seed` has no effect without noise in `init`"
    yield from (f"missing   {line}" for line in plan.missing_requirements(remaining, config))


def _globs(files: Files) -> Iterator[str]:
    """Files that the glob patterns of the manifest leave out."""
    for pattern, matches in list(files.matches.items()):
        stem, dot, suffix = pattern.rpartition(".")
        wider = stem if stem.endswith("*") else f"{stem}.*"
        more = {*files.glob(f"{stem}.*")} - {*matches} if dot and suffix.isalnum() else ()
        others = files.skipped[pattern]
        if more:
            yield f"glob      {pattern} matches {counted(len(matches), 'image')}; {wider} also {_named(sorted(more))}"
        if others:
            what = "file that is not an image" if len(others) == 1 else "files that are not images"
            skipped = f"skipped {len(others):,} {what}: {_named(others)}"
            yield f"glob      {pattern} matches {counted(len(matches), 'image')}; {skipped}"


def _named(paths: Sequence[str]) -> str:
    """The names of the first three files, and the number of the others."""
    return ", ".join(Path(path).name for path in paths[:3]) + f" and {len(paths) - 3:,} more" * (len(paths) > 3)


def _made(pairs: list[Pair], config: Config, results: str) -> set[str]:
    """The ids of the pairs whose image exists."""
    return {pair.id for pair in pairs if Path(pair.image(results, config.format)).exists()}


def _cluster(manifest: str, pairs: list[Pair], config: Config, results: str, files: Files) -> Iterator[str]:
    """The jobs that would be submitted, and their estimated cost. With `bundle: 0` each pair is one job."""
    existing = _made(pairs, config, results)
    jobs = [
        job
        for job in bundled(pairs, config, files)
        if not (Path(job.marker(results)).exists() if config.bundle else existing.issuperset(p.id for p in job.pairs))
    ]
    yield f"{manifest}: {counted(len(pairs), 'pair')}{_existing_text(len(existing))}"
    if not jobs:
        return
    left = [job.seconds - sum(forecast(p, config, files)[0] for p in job.pairs if p.id in existing) for job in jobs]
    what = "CPU node" if config.device == "cpu" else "GPU"
    each = sorted(len(job.pairs) for job in jobs)
    longest = max(jobs, key=lambda job: job.seconds)
    hours = sum(left) / 3600
    yield ""
    of_each = f"of {each[0]:,}" if each[0] == each[-1] else f"of {each[0]:,} to {each[-1]:,}"
    yield f"bundles   {counted(len(jobs), 'job')} {of_each} pairs (config: bundle: {config.bundle:g} minutes)"
    about = f"about {hours:,.1f}" if hours >= 0.1 else "less than 0.1"
    several = min(8, len(jobs))
    shared = max(*left, sum(left) / several) if several > 1 else 0.0  # a job cannot be divided
    on_several = f", {duration_text(shared)} on {several}" if shared else ""
    yield f"hours     {about} {what} hours: {duration_text(sum(left))} on 1{on_several}"
    longest_text = f"{longest.name}, {counted(len(longest.pairs), 'pair')}, about {duration_text(longest.seconds)}"
    yield f"longest   {longest_text}; requested: {minutes(longest.seconds)} min"
    yield f"memory    up to {max(job.megabytes for job in jobs) / 1000:.1f} GB per job"
    if config.device != "cpu":
        yield "          estimated for a slow GPU; a job that exceeds its time resumes in its next try"


def _shortened(lines: list[str], limit: int) -> list[str]:
    if not 0 < limit < len(lines):
        return lines
    return [*lines[:limit], f"  … and {len(lines) - limit:,} more (--limit 0 shows them)"]


def _costs(remaining: list[Pair], files: Files) -> Iterator[str]:
    if not remaining:
        return
    cores = os.cpu_count() or 1
    forecasts = [estimate(p.settings, files.size(p.content), cores, styles=len(p.styles)) for p in remaining]
    seconds, megabytes = sum(s for s, _ in forecasts), max(m for _, m in forecasts)
    took = f"{duration_text(seconds)} on {counted(cores, 'CPU core')}, then sheets and gallery"
    yield f"time      about {took}; a GPU is far faster"
    yield f"memory    about {megabytes / 1000:.1f} GB for each image that is stylized at the same time"


def _existing_text(number: int) -> str:
    return f", {counted(number, 'image')} done" if number else ""
