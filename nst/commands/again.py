"""`nst again`: make a picture once more from what it carries, as it was or with other settings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst import presets
from nst.commands.options import (
    GroupedCommand,
    device_option,
    output_option,
    record_option,
    setting_options,
    threads_option,
)
from nst.commands.stylize import Display, check_kept, checked_suffix, summary
from nst.errors import NstError, Problems

if TYPE_CHECKING:
    from nst.cli import Painter
    from nst.settings import Settings


@click.command(cls=GroupedCommand)
@click.argument("image")
@output_option
@record_option
@device_option
@threads_option
@setting_options()
@click.pass_obj
def command(
    painter: Painter | None,
    image: str,
    output: Path,
    record: Path | None,
    device: str,
    threads: int,
    settings: dict[str, str],
) -> None:
    """Paint IMAGE, a picture of nst's, once more: the same, or with the settings that are given changed.

    A snapshot is painted with as many evaluations as it had.

    Its content and style must be where they were, and unchanged. Run it from the folder that they were named from.
    """
    checked_suffix(output)
    from nst.images import read_metadata
    from nst.settings import make
    from nst.settings import pictures as settings_pictures

    carried = read_metadata(image)
    try:
        pictures = [carried["content"], *carried["style"], *carried.get("pictures", [])]
        styles = tuple((str(style["path"]), float(style["weight"])) for style in carried["style"])
        known, content = dict(carried["settings"]), str(carried["content"]["path"])
        hashes = {str(picture["path"]): str(picture["sha256"]) for picture in pictures}
    except (KeyError, TypeError, ValueError):
        raise NstError(f"{image}: carries no whole record; name a picture that `nst stylize` saved") from None
    if "evaluation" in carried:
        _stop_at(carried["evaluation"], known, image)
    preset = presets.load(settings["preset"]).values if "preset" in settings else {}
    check_kept(settings, record)
    chosen = make(known | preset | settings, image)
    named = list(settings_pictures(chosen).values())
    _check_unchanged(image, {path: hashes.get(path) for path in (content, *(path for path, _ in styles), *named)})
    logging.basicConfig(level=logging.INFO, format="nst: %(message)s")
    _tell_differences(carried, chosen)
    from nst import pair
    from nst.job import Job

    job = Job(content, styles, chosen, output, record=record, device=device, threads=threads, id=str(carried.get("id")))
    with Display(chosen.iterations, output) as display:
        result = (painter or pair).paint(job, display.show)
    click.echo(summary(result))


def _stop_at(evaluation: int, known: dict[str, Any], image: str) -> None:
    """Make a snapshot's settings end with it, where the course up to there does not depend on the end."""
    if known.get("scales", 1) != 1 or known.get("style_weight") == "auto":
        reason = "with scales or style_weight auto its course depends on all iterations"
        raise NstError(f"{image}: is a snapshot, and {reason}; name the finished picture")
    known["iterations"] = evaluation


def _check_unchanged(image: str, hashes: dict[str, str | None]) -> None:
    """Raise Problems with a line for each input that is gone, or another one by now than its hash says."""
    from nst.files import sha256

    wrong = []
    for path, digest in hashes.items():
        if not Path(path).is_file():
            wrong.append(f"{image}: its input {path} is not here; run this from the folder that the path starts from")
        elif digest and sha256(Path(path)) != digest:
            wrong.append(f"{image}: its input {path} has changed since; put the old file back")
    if wrong:
        raise Problems(wrong)


def _tell_differences(carried: dict[str, Any], chosen: Settings) -> None:
    import nst
    from nst.files import sha256
    from nst.weights import find

    log = logging.getLogger(__name__)
    before, file = carried.get("weights", {}), find(chosen.network, chosen.weights)
    if before.get("network") == chosen.network and file.is_file() and sha256(file) != before.get("sha256"):
        log.warning("it was painted with other weights than %s: expect differences", file)
    if carried.get("algorithm") != nst.ALGORITHM:
        log.warning(
            "it was painted by nst %s (algorithm %s), this is nst %s (algorithm %s): expect slight differences",
            carried.get("nst"), carried.get("algorithm"), nst.__version__, nst.ALGORITHM,
        )  # fmt: skip
