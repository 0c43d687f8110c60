"""`nst reproduce`: reproduce a picture from its metadata, as it was or with other settings."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

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
from nst.commands.running import stylize_pair
from nst.commands.stylize import Display, check_kept, checked_suffix, summary
from nst.errors import NstError, Problems, printable
from nst.grid.cells import styles_text
from nst.grid.estimate import duration_text, estimate
from nst.io import logs
from nst.io.files import is_regular, sha256
from nst.machine import gpus
from nst.pair.origin import Origin, origin
from nst.settings import PATHS, fields, flag, presets, text
from nst.version import ALGORITHM, __version__

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.settings import Settings


@click.command(cls=GroupedCommand)
@click.argument("image")
@option(
    "-o", "--output", group="common", type=click.Path(path_type=Path), help="picture to write (png, jpg, tif, webp)"
)
@option("--content", metavar="FILE", group="common", help="the content, where it has been moved")
@option("--style", "styles", metavar="FILE", group="common", multiple=True, help="the style; of a blend, each in order")
@option("--trust-paths", group="common", is_flag=True, help="read the files that IMAGE names, wherever they are")
@option("--yes", group="common", is_flag=True, help="begin also what takes hours")
@option("--show", group="common", is_flag=True, help="print IMAGE's settings, with those that are no defaults first")
@force_option
@record_option
@device_option
@threads_option
@setting_options(show_defaults=False)
@click.pass_obj
def command(
    runner: Runner | None,
    image: str,
    output: Path | None,
    content: str | None,
    styles: tuple[str, ...],
    trust_paths: bool,
    yes: bool,
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
    --style say; their bytes must be the same. An image may be anybody's: what it names is read only in its own folder
    and in the current one, unless with --trust-paths, and what takes more than an hour or more memory than this machine
    has is begun only with --yes.
    """
    from nst.images import picture_size, read_metadata
    from nst.settings import make

    carried = read_metadata(image)
    made = origin(image, carried)
    if show:
        click.echo(printable("\n".join(_shown(made))))
        return
    if output is None:
        raise click.UsageError("name the picture to write with -o, or use --show")
    checked_suffix(output)
    check_kept(settings, record)
    make(made.settings, image)
    preset = presets.load(settings["preset"]).values if "preset" in settings else {}
    chosen = settings_from(settings, made.settings | preset, image)
    moved = _moved(image, made, content, styles)
    typed = {*settings, *preset, *(["content"] if content else []), *(["style"] if styles else [])}
    inputs = _inputs(made, moved, chosen, typed)
    if not trust_paths:
        _check_places(image, inputs)
    _check_unchanged(image, made, inputs)
    if not yes:
        _check_costs(image, chosen, picture_size(moved[0]), device)
    logs.show()
    _tell_differences(made, chosen)
    from nst.pair.job import Job

    blend = tuple((path, weight) for path, (_, weight) in zip(moved[1:], made.styles, strict=True))
    job = Job(moved[0], blend, chosen, output, record=record, device=device, threads=threads, id=made.id)
    check_outputs([output], [image, *job.inputs], force=force)
    check_records([job], force=force)
    with Display(chosen.iterations, output) as display:
        result = stylize_pair(job, display.show, runner)
    click.echo(summary(result))


#: Seconds of work by the forecast that are begun without --yes.
MOST_SECONDS = 3600.0


def _shown(made: Origin) -> Iterator[str]:
    """The inputs and the settings of a picture, those that are no defaults first."""
    yield f"content  {made.content.path}"
    yield f"style    {styles_text(made.styles)}"
    yield f"made by  nst {made.nst}, algorithm {made.algorithm}"
    yield f"weights  {made.weights.network}, sha256 {made.weights.sha256}"
    values = {name: text(value) for name, value in made.settings.items()}
    usual = {name: text(info.default) for name, info in fields().items()}
    changed = [name for name in values if values[name] != usual.get(name)]
    width = max(map(len, values), default=0)
    yield "\nSettings that are not the defaults:" if changed else "\nEvery setting is the default."
    yield from (f"  {name:{width}}  {values[name] or 'none'}  [{usual.get(name) or 'none'}]" for name in changed)
    yield "\nDefaults:"
    yield from (f"  {name:{width}}  {values[name] or 'none'}" for name in values if name not in changed)


def _moved(image: str, made: Origin, content: str | None, styles: tuple[str, ...]) -> list[str]:
    """Where the content and the styles are now."""
    before = [path for path, _ in made.styles]
    if styles and len(styles) != len(before):
        raise NstError(f"--style: {image} has {len(before)} styles; name each, in the order of {', '.join(before)}")
    return [content or made.content.path, *(styles or before)]


class _Input(NamedTuple):
    """A file that is read: its setting, or content or style; where it was, where it is, and who names it."""

    name: str
    before: str
    now: str
    typed: bool
    """By the user; else the image alone, which anybody may have made."""


def _inputs(made: Origin, moved: list[str], chosen: Settings, typed: set[str]) -> list[_Input]:
    """Every file that is read. typed: the settings, content and style that the user has given."""
    inputs = [("content", made.content.path, moved[0])]
    inputs += [("style", path, now) for (path, _), now in zip(made.styles, moved[1:], strict=True)]
    named = {name: getattr(chosen, name) for name in PATHS}
    inputs += [(name, path, path) for name, path in named.items() if path not in PATHS[name]]
    return [_Input(*each, typed=each[0] in typed) for each in inputs]


def _check_places(image: str, inputs: list[_Input]) -> None:
    """Raise Problems with a line for each file elsewhere that only the image names."""
    here = [Path(image).parent.resolve(), Path.cwd()]
    if elsewhere := [each for each in inputs if not each.typed and not _is_within(each.now, here)]:
        raise Problems(
            f"{image}: its {name} {now} is neither in its folder nor in the current one; name the file with "
            f"{flag(name)} FILE, or add --trust-paths if you trust who made the image"
            for name, _, now, _ in elsewhere
        )


def _is_within(path: str, folders: list[Path]) -> bool:
    """Whether a file is in one of the folders, or below it, its links followed."""
    try:
        return any(Path(path).resolve().is_relative_to(folder) for folder in folders)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links
        return False


def _check_unchanged(image: str, made: Origin, inputs: list[_Input]) -> None:
    """Raise Problems with a line for each input that is gone, or is not the one of the picture."""
    if wrong := [problem for each in inputs if (problem := _problem(image, made, each))]:
        raise Problems(wrong)


def _problem(image: str, made: Origin, given: _Input) -> str:
    """What is wrong with an input and what would be right; '' where nothing is."""
    name, before, now, typed = given
    if not is_regular(now):
        advice = f"name the file with {flag(name)} FILE, or run this in the folder that the path starts from"
        return f"{image}: its {name} {now} is not here; {advice}"
    if before not in made.hashes:
        known = typed or name == "weights"  # of which other ones are only warned of
        return "" if known else f"{image}: has no SHA-256 of its {name} {now}; name the file with {flag(name)} FILE"
    if sha256(Path(now)) == made.hashes[before]:
        return ""
    if now != before:
        return f"{now}: is not the {name} of {image}, as its bytes differ; for another picture use nst stylize"
    advice = f"name the original with {flag(name)} FILE, or use nst stylize for another picture"
    return f"{image}: its {name} {now} has changed since; {advice}"


def _check_costs(image: str, chosen: Settings, size: tuple[int, int], device: str) -> None:
    """Raise NstError for what takes hours, or more memory than there is: the image asks for it."""
    on_gpu = device in ("auto", "cuda") and bool(gpus.available())
    seconds, megabytes = estimate(chosen, size, os.cpu_count() or 1, "gpu" if on_gpu else None)
    if seconds > MOST_SECONDS or megabytes > _memory():
        raise NstError(
            f"{image}: {chosen.iterations:,} iterations at size {chosen.size or max(size)} take about "
            f"{duration_text(seconds)} and {megabytes / 1000:,.1f} GB of memory; add --yes to begin, or give a smaller "
            "--size or fewer --iterations"
        )


def _memory() -> float:
    """Megabytes of this machine; without a limit where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (AttributeError, ValueError, OSError):
        return math.inf


def _tell_differences(made: Origin, chosen: Settings) -> None:
    from nst.weights import find

    log = logging.getLogger(__name__)
    file = find(chosen.network, chosen.weights)
    if made.weights.network == chosen.network and file.is_file() and sha256(file) != made.weights.sha256:
        log.warning("it was made with other weights than %s: expect differences", file)
    if made.algorithm != ALGORITHM:
        log.warning(
            "it was made by nst %s (algorithm %s), this is nst %s (algorithm %s): expect slight differences",
            printable(made.nst), made.algorithm, __version__, ALGORITHM,
        )  # fmt: skip
    if (size := made.settings.get("size")) != chosen.size and isinstance(size, (int, float)) and size and chosen.size:
        strokes = "finer" if chosen.size > size else "coarser"
        log.info("size %s instead of %s gives another picture, with %s strokes", chosen.size, size, strokes)
