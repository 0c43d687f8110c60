"""`nst stylize`: stylize an image, or each image of a folder."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst.commands.completion import FILE
from nst.commands.display import stylized, summary
from nst.commands.options import (
    PATH,
    GroupedCommand,
    check_needs_record,
    device_option,
    option,
    record_option,
    setting_options,
    settings_from,
    threads_option,
)
from nst.commands.outputs import check_outputs, force_option
from nst.errors import NstError, Problems
from nst.grid.cells import check_mean_mask, parse_blend
from nst.grid.inputs import Styles
from nst.io import logs
from nst.io.files import is_folder
from nst.settings import ADDED, Settings, SettingsError, differing, flag, make, text

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.pair.job import Job


@click.command(cls=GroupedCommand)
@click.argument("content", type=FILE)
@click.argument("style", type=FILE, nargs=-1, required=True)
@option(
    "-o", "--output", group="common", type=PATH, metavar="PATH",
    help="Image to write (png, jpg, tif, webp), or a folder.  [default: CONTENT--STYLE.png]",
)  # fmt: skip
@force_option
@record_option
@option(
    "--work", group="output", type=PATH, metavar="FOLDER",
    help="Folder for unfinished work, from which an interrupted run resumes.",
)  # fmt: skip
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
@option(
    "--presets", group="machine", type=FILE, metavar="FOLDER",
    help="Folder of your own presets.  [default: config/presets]",
)  # fmt: skip
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
    nst stylize photo.jpg painting.jpg                 writes photo--painting.png
    nst stylize photo.jpg painting.jpg -o out.jpg
    nst stylize photos/ painting.jpg -o out/           each image; can be resumed
    nst stylize photo.jpg wave.jpg:0.7 scream.jpg:0.3  a blend
    nst stylize photo.jpg wave.jpg:0.7+scream.jpg:0.3  the same blend
    nst stylize photo.jpg 'mean(monet/*.jpg)'          one style from many works
    """
    chosen = _settings(settings, presets)
    check_needs_record(settings, record)
    styles = parse_blend(style)
    _check_mean_mask("+".join(style), styles, chosen)
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


def _earlier(job: Job) -> str:
    """The settings that differ in an existing image made by nst; '' if there is none."""
    from nst.images import read_metadata

    try:
        known = make(ADDED | read_metadata(job.output)["settings"])
    except (NstError, KeyError, TypeError):
        return ""
    different = differing(known, job.settings)
    return ", ".join(f"{name} {text(value)}" for name, value in different.items()) or "the same settings"


def _check_mean_mask(style: str, styles: Styles, settings: Settings) -> None:
    """Raise Problems, which name the flag, for a content mask and a style with a mean."""
    try:
        check_mean_mask(style, styles, settings)
    except SettingsError as error:
        raise Problems(wrong.as_flag() for wrong in error.wrong) from None


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
