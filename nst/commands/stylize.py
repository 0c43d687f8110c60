"""`nst stylize`: paint a content in a style."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst.cells import parse_styles
from nst.commands.options import (
    GroupedCommand,
    device_option,
    option,
    output_option,
    record_option,
    setting_options,
    settings_from,
    threads_option,
)
from nst.errors import NstError
from nst.settings import Settings

if TYPE_CHECKING:
    from nst.cli import Painter
    from nst.stylization import Progress


@click.command(cls=GroupedCommand)
@click.argument("content")
@click.argument("style", nargs=-1, required=True)
@output_option
@record_option
@option(
    "--work",
    group="output",
    type=click.Path(path_type=Path),
    help="folder of unfinished work, to go on from after a stop",
)
@device_option
@threads_option
@option("--id", "pair", group="output", default="", help="name of the pair in its run.json")
@option(
    "--unless-done",
    group="output",
    is_flag=True,
    help="leave a result alone that the same files and settings have made",
)
@option("--presets", group="machine", help="folder of your own presets  [default: config/presets]")
@setting_options()
@click.pass_obj
def command(
    painter: Painter | None,
    content: str,
    style: tuple[str, ...],
    output: Path,
    record: Path | None,
    work: Path | None,
    device: str,
    threads: int,
    pair: str,
    unless_done: bool,
    presets: str | None,
    settings: dict[str, str],
) -> None:
    """Paint CONTENT in a STYLE, or in a blend of several (wave.jpg:0.7 scream.jpg:0.3)."""
    chosen = _settings(settings, presets)
    checked_suffix(output)
    check_kept(settings, record)
    _check_files(content)
    styles = parse_styles("+".join(style))
    from nst import pair as own
    from nst.job import Job

    logging.basicConfig(level=logging.INFO, format="nst: %(message)s")
    if record is None and chosen.method == "network":
        logging.getLogger(__name__).warning("without --record FOLDER the network is not kept for nst apply")
    job = Job(
        content, styles, chosen, output,
        record=record, work=work, device=device, threads=threads, id=pair, unless_done=unless_done,
    )  # fmt: skip
    with Display(chosen.iterations, output) as display:
        result = (painter or own).paint(job, display.show)
    click.echo(summary(result))


def checked_suffix(output: Path) -> None:
    """Raise NstError for a picture format that cannot be written."""
    from nst.images import WRITTEN

    if output.suffix.lower() not in WRITTEN:
        raise NstError(
            f"{output}: cannot write {output.suffix or 'a file without suffix'}; use one of {', '.join(WRITTEN)}"
        )


def check_kept(given: dict[str, str], record: Path | None) -> None:
    """Raise NstError where flags ask for what only a record keeps."""
    if record is None and given.get("snapshots", "0") != "0":
        raise NstError("--snapshots requires --record FOLDER, where they are stored")


def _settings(given: dict[str, str], folder: str | None) -> Settings:
    from nst import presets

    name = given.get("preset", "")
    basis = presets.load(name, folder) if folder else presets.load(name)
    return settings_from(given, basis.values, f"the preset {name}")


def _check_files(content: str) -> None:
    """Say at once what is missing: torch takes seconds to load."""
    from nst.images import picture_size

    picture_size(content)


def summary(record: dict[str, Any]) -> str:
    """A painted pair in one line."""
    out, metrics = record["output"], record["metrics"]
    measured = (
        f", style_error {metrics['style_error']:.3f}, content_error {metrics['content_error']:.3f}" if metrics else ""
    )
    return (
        f"{out['path']}: {out['width']}×{out['height']} px, {record['evaluations']} evaluations in "
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
        elif event.evaluation == self.iterations or time.monotonic() - self._said > self.EVERY:
            self._said = time.monotonic()
            log = logging.getLogger(__name__)
            log.info("evaluation %d/%d  %s  %.0f s", event.evaluation, self.iterations, losses(event), event.seconds)

    def _advance(self, event: Progress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self.iterations, initial=event.evaluation - 1, desc=self.output.name, unit="ev")
        self._bar.set_postfix_str(losses(event), refresh=False)
        self._bar.update()


def losses(event: Progress) -> str:
    """The losses of an evaluation for people."""
    return "  ".join(f"{name} {event.losses[name]:.4g}" for name in ("total", "content", "style"))
