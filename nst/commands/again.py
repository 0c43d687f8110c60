"""`nst again`: reproduce a picture from its metadata, as it was or with other settings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nst import logs, presets
from nst.cells import styles_text
from nst.commands.options import (
    GroupedCommand,
    device_option,
    option,
    record_option,
    setting_options,
    settings_from,
    threads_option,
)
from nst.commands.outputs import check_outputs, check_records, force_option
from nst.commands.stylize import Display, check_kept, checked_suffix, summary
from nst.errors import NstError, Problems
from nst.files import sha256
from nst.settings import fields, flag, pictures, text

if TYPE_CHECKING:
    from nst.cli import Painter
    from nst.settings import Settings


@click.command(cls=GroupedCommand)
@click.argument("image")
@option(
    "-o", "--output", group="common", type=click.Path(path_type=Path), help="picture to write (png, jpg, tif, webp)"
)
@option("--content", metavar="FILE", group="common", help="the content, where it has been moved")
@option("--style", "styles", metavar="FILE", group="common", multiple=True, help="the style; of a blend, each in order")
@option("--show", group="common", is_flag=True, help="print IMAGE's settings, with those that are no defaults first")
@force_option
@record_option
@device_option
@threads_option
@setting_options(show_defaults=False)
@click.pass_obj
def command(
    painter: Painter | None,
    image: str,
    output: Path | None,
    content: str | None,
    styles: tuple[str, ...],
    show: bool,
    force: bool,
    record: Path | None,
    device: str,
    threads: int,
    settings: dict[str, str],
) -> None:
    """Reproduce IMAGE, a picture that nst made, from its metadata, with other settings if you like.

    Settings that are not given are IMAGE's own, which --show lists. A snapshot gets as many iterations as it had.

    The content and the style are read where they were, from the folder in which nst ran, or where --content and
    --style say; their bytes must be the same.
    """
    from nst.images import read_metadata
    from nst.settings import make

    carried = read_metadata(image)
    origin = _origin(image, carried)
    if show:
        click.echo("\n".join(_shown(origin, carried)))
        return
    if output is None:
        raise click.UsageError("name the picture to write with -o, or use --show")
    checked_suffix(output)
    check_kept(settings, record)
    make(origin.settings, image)
    preset = presets.load(settings["preset"]).values if "preset" in settings else {}
    chosen = settings_from(settings, origin.settings | preset, image)
    moved = _moved(image, origin, content, styles)
    _check_unchanged(image, origin, moved, chosen)
    logs.show()
    _tell_differences(carried, chosen)
    from nst import pair
    from nst.job import Job

    blend = tuple((path, weight) for path, (_, weight) in zip(moved[1:], origin.styles, strict=True))
    job = Job(moved[0], blend, chosen, output, record=record, device=device, threads=threads, id=origin.id)
    check_outputs([output], [image, *job.inputs], force=force)
    check_records([job], force=force)
    with Display(chosen.iterations, output) as display:
        result = (painter or pair).paint(job, display.show)
    click.echo(summary(result))


class _Origin(NamedTuple):
    """What a picture says of its making."""

    id: str
    content: str
    styles: list[tuple[str, float]]
    settings: dict[str, Any]
    hashes: dict[str, str]


def _origin(image: str, carried: dict[str, Any]) -> _Origin:
    """What the metadata of a picture says; NstError where it is not all there."""
    try:
        pictures = [carried["content"], *carried["style"], *carried.get("pictures", [])]
        origin = _Origin(
            str(carried.get("id", "")),
            str(carried["content"]["path"]),
            [(str(style["path"]), float(style["weight"])) for style in carried["style"]],
            dict(carried["settings"]),
            {str(picture["path"]): str(picture["sha256"]) for picture in pictures},
        )
    except (KeyError, TypeError, ValueError):
        raise NstError(f"{image}: carries no whole record; name a picture that `nst stylize` saved") from None
    if "evaluation" in carried:
        _stop_at(carried["evaluation"], origin.settings, image)
    return origin


def _stop_at(evaluation: int, known: dict[str, Any], image: str) -> None:
    """Make a snapshot's settings end with it, where the course up to there does not depend on the end."""
    if known.get("scales", 1) != 1 or known.get("style_weight") == "auto":
        reason = "with scales or style_weight auto its course depends on all iterations"
        raise NstError(f"{image}: is a snapshot, and {reason}; name the finished picture")
    known["iterations"] = evaluation


def _shown(origin: _Origin, carried: dict[str, Any]) -> Iterator[str]:
    """The inputs and the settings of a picture, those that are no defaults first."""
    weights = carried.get("weights", {})
    yield f"content  {origin.content}"
    yield f"style    {styles_text(tuple(origin.styles))}"
    yield f"made by  nst {carried.get('nst')}, algorithm {carried.get('algorithm')}"
    yield f"weights  {weights.get('network')}, sha256 {weights.get('sha256')}"
    values = {name: text(value) for name, value in origin.settings.items()}
    usual = {name: text(info.default) for name, info in fields().items()}
    changed = [name for name in values if values[name] != usual.get(name)]
    width = max(map(len, values), default=0)
    yield "\nSettings that are not the defaults:" if changed else "\nEvery setting is the default."
    yield from (f"  {name:{width}}  {values[name] or 'none'}  [{usual.get(name) or 'none'}]" for name in changed)
    yield "\nDefaults:"
    yield from (f"  {name:{width}}  {values[name] or 'none'}" for name in values if name not in changed)


def _moved(image: str, origin: _Origin, content: str | None, styles: tuple[str, ...]) -> list[str]:
    """Where the content and the styles are now."""
    before = [path for path, _ in origin.styles]
    if styles and len(styles) != len(before):
        raise NstError(f"--style: {image} has {len(before)} styles; name each, in the order of {', '.join(before)}")
    return [content or origin.content, *(styles or before)]


def _check_unchanged(image: str, origin: _Origin, moved: list[str], chosen: Settings) -> None:
    """Raise Problems with a line for each input that is gone, or is not the one of the picture."""
    inputs = [("content", origin.content, moved[0])]
    inputs += [("style", path, now) for (path, _), now in zip(origin.styles, moved[1:], strict=True)]
    inputs += [(name, path, path) for name, path in pictures(chosen).items()]
    wrong = [_problem(image, origin, *each) for each in inputs]
    if any(wrong):
        raise Problems(filter(None, wrong))


def _problem(image: str, origin: _Origin, name: str, before: str, now: str) -> str:
    """What is wrong with an input and what would be right; '' where nothing is."""
    if not Path(now).is_file():
        advice = f"name the file with {flag(name)} FILE, or run this in the folder that the path starts from"
        return f"{image}: its {name} {now} is not here; {advice}"
    if before not in origin.hashes or sha256(Path(now)) == origin.hashes[before]:
        return ""
    if now != before:
        return f"{now}: is not the {name} of {image}, as its bytes differ; for another picture use nst stylize"
    advice = f"name the original with {flag(name)} FILE, or use nst stylize for another picture"
    return f"{image}: its {name} {now} has changed since; {advice}"


def _tell_differences(carried: dict[str, Any], chosen: Settings) -> None:
    import nst
    from nst.weights import find

    log = logging.getLogger(__name__)
    before, file = carried.get("weights", {}), find(chosen.network, chosen.weights)
    if before.get("network") == chosen.network and file.is_file() and sha256(file) != before.get("sha256"):
        log.warning("it was made with other weights than %s: expect differences", file)
    if carried.get("algorithm") != nst.ALGORITHM:
        log.warning(
            "it was made by nst %s (algorithm %s), this is nst %s (algorithm %s): expect slight differences",
            carried.get("nst"), carried.get("algorithm"), nst.__version__, nst.ALGORITHM,
        )  # fmt: skip
    if (size := carried["settings"].get("size")) != chosen.size and size and chosen.size:
        strokes = "finer" if chosen.size > size else "coarser"
        log.info("size %s instead of %s gives another picture, with %s strokes", chosen.size, size, strokes)
