"""`nst stylize`: stylize a picture, or each picture of a folder."""

from __future__ import annotations

import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst.commands.options import (
    GroupedCommand,
    device_option,
    option,
    optional_output_option,
    record_option,
    setting_options,
    settings_from,
    threads_option,
)
from nst.commands.outputs import check_outputs, check_records, force_option
from nst.commands.running import stylize_pair
from nst.errors import NstError, Problems
from nst.grid.cells import parse_blend
from nst.grid.inputs import Styles
from nst.io import logs
from nst.io.files import is_folder
from nst.settings import Settings, differing, flag, make, text

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.engine.stylization import Progress
    from nst.pair.job import Job


@click.command(cls=GroupedCommand)
@click.argument("content")
@click.argument("style", nargs=-1, required=True)
@optional_output_option
@force_option
@record_option
@option("--work", group="output", type=click.Path(path_type=Path), help="folder of unfinished work, to resume from")
@device_option
@threads_option
@option("--id", "pair", group="output", default="", help="name of the pair in its run.json")
@option("--unless-done", group="output", is_flag=True, help="skip what the same files and settings have made already")
@option("--keep-work", group="output", is_flag=True, help="keep links to the results in --work, to restore them from")
@option("--presets", group="machine", help="folder of your own presets  [default: config/presets]")
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
    """Stylize CONTENT, a picture or a folder of pictures, with STYLE.

    \b
    nst stylize photo.jpg painting.jpg                  writes photo--painting.png
    nst stylize photo.jpg painting.jpg -o out.jpg
    nst stylize photos/ painting.jpg -o out/            every picture; resumes after a stop
    nst stylize photo.jpg wave.jpg:0.7 scream.jpg:0.3   a blend; so does wave.jpg:0.7+scream.jpg:0.3
    """
    chosen = _settings(settings, presets)
    check_kept(settings, record)
    styles = parse_blend(style)
    from nst.commands.targets import stylize_each, targets
    from nst.pair.job import Job

    several, jobs = is_folder(content), []
    for path, place in targets(content, styles, output):
        name = place.stem if several else ""
        jobs.append(Job(
            path, styles, chosen, place,
            record=record and record / name, work=work and work / name, device=device, threads=threads,
            id=pair or name, unless_done=unless_done or several, keep_work=keep_work,
        ))  # fmt: skip
    checked_suffix(jobs[0].output)
    _check_pictures([] if several else [content], styles, chosen)
    check_outputs([job.output for job in jobs], jobs[0].inputs + [job.content for job in jobs], force=force)
    check_records(jobs, force=force)

    logs.show()
    log = logging.getLogger(__name__)
    if record is None and chosen.method == "network":
        log.warning("without --record FOLDER the network is not kept for nst apply")
    if several:
        stylize_each(jobs, partial(_stylized, runner=runner), summary)
    else:
        if output != jobs[0].output and (earlier := _earlier(jobs[0])):
            log.info("%s: replaces an earlier result with %s", jobs[0].output, earlier)
        click.echo(summary(_stylized(jobs[0], runner)))


def _stylized(job: Job, runner: Runner | None) -> dict[str, Any]:
    with Display(job.settings.iterations, job.output) as display:
        return stylize_pair(job, display.show, runner)


def _earlier(job: Job) -> str:
    """What is different in the picture of ours that is there already; '' where there is none."""
    from nst.images import read_metadata

    try:
        known = make(read_metadata(job.output)["settings"])
    except (NstError, KeyError, TypeError):
        return ""
    different = differing(known, job.settings)
    return ", ".join(f"{name} {text(value)}" for name, value in different.items()) or "the same settings"


def checked_suffix(output: Path) -> None:
    """Raise NstError for a picture format that cannot be written."""
    from nst.images import WRITTEN

    if output.suffix.lower() not in WRITTEN:
        raise NstError(
            f"{output}: cannot write {output.suffix or 'a file without suffix'}; use one of {', '.join(WRITTEN)}"
        )


def check_kept(given: dict[str, str], record: Path | None) -> None:
    """Raise NstError where flags ask for what only a record keeps."""
    if record is None and given.get("snapshot_interval", "0") != "0":
        raise NstError("--snapshot-interval requires --record FOLDER, where they are stored")


def _settings(given: dict[str, str], folder: str | None) -> Settings:
    from nst.settings import presets

    name = given.get("preset", "")
    basis = presets.load(name, folder) if folder else presets.load(name)
    return settings_from(given, basis.values, f"the preset {name}")


def _check_pictures(contents: list[str], styles: Styles, settings: Settings) -> None:
    """Report at once what is missing or does not fit: torch takes seconds to load."""
    from nst.grid.inputs import mask_problems
    from nst.images import picture_size

    for path in (*contents, *(path for path, _ in styles)):
        picture_size(path)
    for content in contents:
        if wrong := mask_problems(settings, content, styles, picture_size):
            raise Problems(f"{flag(column)}: {message}" for column, message in wrong)


def summary(record: dict[str, Any]) -> str:
    """A stylized pair in one line."""
    if "skipped" in record:
        return f"{record['output']['path']}: made already by the same files and settings"
    out, metrics = record["output"], record["metrics"]
    measured = (
        f", style_error {metrics['style_error']:.3f}, content_error {metrics['content_error']:.3f}" if metrics else ""
    )
    return (
        f"{out['path']}: {out['width']}×{out['height']} px, {record['iterations_run']} iterations in "
        f"{record['seconds']['total']:.0f} s on {record['device']} ({record['precision']}){measured}"
    )


class Display:
    """Progress on a terminal as a bar, in a log as a line every few seconds."""

    EVERY = 10.0

    def __init__(self, iterations: int, output: Path):
        self.iterations, self.output = iterations, output
        self._bar: Any = None
        self._said = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, event: Progress) -> None:
        if sys.stderr.isatty():
            self._advance(event)
        elif event.iteration == self.iterations or time.monotonic() - self._said > self.EVERY:
            self._said = time.monotonic()
            log = logging.getLogger(__name__)
            log.info("iteration %d/%d  %s  %.0f s", event.iteration, self.iterations, losses(event), event.seconds)

    def _advance(self, event: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self.iterations, initial=event.iteration - 1, desc=self.output.name, unit="ev")
        self._bar.set_postfix_str(losses(event), refresh=False)
        self._bar.update()


def losses(event: Progress) -> str:
    """The losses of an iteration for people."""
    return "  ".join(f"{name} {event.losses[name]:.4g}" for name in ("total", "content", "style"))
