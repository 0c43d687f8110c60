"""`nst stylize`: stylize an image, or each image of a folder."""

from __future__ import annotations

import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst.commands.completion import FILE
from nst.commands.options import (
    PATH,
    GroupedCommand,
    device_option,
    option,
    record_option,
    setting_options,
    settings_from,
    threads_option,
)
from nst.commands.outputs import check_outputs, force_option
from nst.errors import NstError, Problems
from nst.grid.cells import has_mean, mean_mask_problem, parse_blend
from nst.grid.inputs import Styles
from nst.io import logs
from nst.io.files import is_folder
from nst.settings import ADDED, Settings, counted, differing, flag, make, text
from nst.worker import client

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.engine.stylization import Progress
    from nst.pair.job import Job


@click.command(cls=GroupedCommand)
@click.argument("content", type=FILE)
@click.argument("style", type=FILE, nargs=-1, required=True)
@option(
    "-o", "--output", group="common", type=PATH,
    help="Image to write (png, jpg, tif, webp), or a folder.  [default: CONTENT--STYLE.png]",
)  # fmt: skip
@force_option
@record_option
@option("--work", group="output", type=PATH, help="Folder for unfinished work, from which an interrupted run resumes.")
@device_option
@threads_option
@option("--id", "pair", group="output", default="", help="Name of the pair in run.json.")
@option(
    "--unless-done",
    group="output",
    is_flag=True,
    help="Do nothing if the output exists and was made from the same files and settings.",
)
@option(
    "--keep-work", group="output", is_flag=True, help="Keep links to the results in --work, to restore deleted results."
)
@option("--presets", group="machine", help="Folder of your own presets.  [default: config/presets]")
@setting_options()
@click.pass_obj
def command(
    runner: Runner | None,
    content: str,
    style: tuple[str, ...],
    output: Path | None,
    force: bool,
    record: Path | None,
    work: Path | None,
    device: str,
    threads: int,
    pair: str,
    unless_done: bool,
    keep_work: bool,
    presets: str | None,
    settings: dict[str, str],
) -> None:
    """Stylize CONTENT, an image or a folder of images, with STYLE.

    \b
    nst stylize photo.jpg painting.jpg                  writes photo--painting.png
    nst stylize photo.jpg painting.jpg -o out.jpg
    nst stylize photos/ painting.jpg -o out/            each image; resumes after an interruption
    nst stylize photo.jpg wave.jpg:0.7 scream.jpg:0.3   a blend; so does wave.jpg:0.7+scream.jpg:0.3
    nst stylize photo.jpg 'mean(monet/*.jpg)'           one style from many works
    """
    chosen = _settings(settings, presets)
    check_needs_record(settings, record)
    styles = parse_blend(style)
    check_mean_mask("+".join(style), styles, chosen)
    from nst.commands.targets import stylize_each, targets
    from nst.pair.job import Job
    from nst.pair.outputs import check_records, check_suffix

    several, jobs = is_folder(content), []
    for path, image in targets(content, styles, output):
        name = image.stem if several else ""
        jobs.append(Job(
            path, styles, chosen, image,
            record=record and record / name, work=work and work / name, device=device, threads=threads,
            id=pair or name, unless_done=unless_done or several, keep_work=keep_work,
        ))  # fmt: skip
    check_suffix(jobs[0].output)
    _check_pictures([] if several else [content], styles, chosen)
    check_outputs([job.output for job in jobs], jobs[0].inputs + [job.content for job in jobs], force=force)
    check_records(jobs, force=force)

    logs.show()
    log = logging.getLogger(__name__)
    if record is None and chosen.parameters == "network":
        log.warning("the trained network is not saved; to use it with nst apply, add --record FOLDER")
    if several:
        stylize_each(jobs, partial(stylized, runner=runner), summary)
    else:
        if output != jobs[0].output and (earlier := _earlier(jobs[0])):
            log.info("%s: replacing an earlier result that was made with %s", jobs[0].output, earlier)
        click.echo(summary(stylized(jobs[0], runner)))


def stylized(job: Job, runner: Runner | None) -> dict[str, Any]:
    """Stylize a pair in this process, or in the worker that runs the command, and show progress.

    Returns the run record. If all GPUs are busy, idle workers are stopped.
    """
    from nst.pair.stylize import stylize_pair

    with Display(job.settings.iterations, job.output) as display:
        if runner is not None:
            return runner.stylize(job, display.show)
        return stylize_pair(job, display.show, when_busy=client.stop_workers)


def _earlier(job: Job) -> str:
    """The settings that differ in an existing image made by nst; '' if there is none."""
    from nst.images import read_metadata

    try:
        known = make(ADDED | read_metadata(job.output)["settings"])
    except (NstError, KeyError, TypeError):
        return ""
    different = differing(known, job.settings)
    return ", ".join(f"{name} {text(value)}" for name, value in different.items()) or "the same settings"


def check_needs_record(given: dict[str, str], record: Path | None) -> None:
    """Raise NstError for flags that have an effect only with --record."""
    if record is None and given.get("snapshot_interval", "0") != "0":
        raise NstError("--snapshot-interval requires --record FOLDER, the folder for the snapshots")


def check_mean_mask(style: str, styles: Styles, settings: Settings) -> None:
    """Raise NstError for a content mask with a mean. style: as it was given."""
    if settings.content_mask and (message := mean_mask_problem(style if has_mean(style) else "", styles, settings)):
        column, _, message = message.partition(": ")
        raise NstError(f"{flag(column)}: {message}")


def _settings(given: dict[str, str], folder: str | None) -> Settings:
    from nst.settings import presets

    name = given.get("preset", "")
    basis = presets.load(name, folder) if folder else presets.load(name)
    return settings_from(given, basis.values, f"the preset {name}")


def _check_pictures(contents: list[str], styles: Styles, settings: Settings) -> None:
    """Check the images before torch is imported, which takes seconds."""
    from nst.grid.inputs import mask_problems
    from nst.images import picture_size

    for path in (*contents, *(path for path, _ in styles)):
        picture_size(path)
    for content in contents:
        if wrong := mask_problems(settings, content, styles, picture_size):
            raise Problems(f"{flag(column)}: {message}" for column, message in wrong)


def summary(record: dict[str, Any]) -> str:
    """One line about a finished pair."""
    if "skipped" in record:
        return f"{record['output']['path']}: {logs.UP_TO_DATE}"
    out, metrics = record["output"], record["metrics"]
    measured = (
        f", style_error {metrics['style_error']:.3f}, content_error {metrics['content_error']:.3f}" if metrics else ""
    )
    most, run, seconds = record["settings"]["iterations"], record["iterations_run"], record["seconds"]
    iterations = counted(run, "iteration") if run == most else f"{run:,} of {counted(most, 'iteration')}"
    return (
        f"{out['path']}: {out['width']}×{out['height']} px, {iterations} in {seconds['optimize']:.0f} s "
        f"({seconds['total']:.0f} s in all) on {record['device']} ({record['precision']}){measured}"
    )


class Display:
    """Shows progress: a bar on a terminal, a line every EVERY seconds in a log."""

    EVERY = 10.0

    def __init__(self, iterations: int, output: Path):
        self.iterations, self.output = iterations, output
        self._bar: Any = None
        self._last_logged = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, event: Progress) -> None:
        if sys.stderr.isatty():
            self._advance(event)
        elif event.iteration == self.iterations or time.monotonic() - self._last_logged > self.EVERY:
            self._last_logged = time.monotonic()
            log = logging.getLogger(__name__)
            log.info("iteration %d/%d  %s  %.0f s", event.iteration, self.iterations, losses(event), event.seconds)

    def _advance(self, event: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self.iterations, initial=event.iteration - 1, desc=self.output.name, unit="it")
        self._bar.set_postfix_str(losses(event), refresh=False)
        self._bar.update()


def losses(event: Progress) -> str:
    """The losses of an iteration as text."""
    return "  ".join(f"{name} {event.losses[name]:.4g}" for name in ("total", "content", "style"))
