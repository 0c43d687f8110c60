"""`nst reproduce`: reproduce an image from its embedded metadata, optionally with changed settings."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
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
from nst.errors import NstError, printable
from nst.grid.cells import has_mean, parse_styles, styles_text
from nst.grid.names import MOST_LISTED
from nst.io import logs
from nst.io.files import sha256
from nst.pair import trust
from nst.pair.origin import Origin, origin
from nst.settings import fields, presets, text
from nst.version import ALGORITHM, __version__

if TYPE_CHECKING:
    from nst.cli import Runner
    from nst.settings import Settings


@click.command(cls=GroupedCommand)
@click.argument("image", type=FILE)
@option("-o", "--output", group="common", type=PATH, metavar="FILE", help="Image to write (png, jpg, tif, webp).")
@option("--content", type=FILE, metavar="FILE", group="common", help="Content image, if it was moved.")
@option(
    "--style",
    "styles",
    type=FILE,
    metavar="FILE",
    group="common",
    multiple=True,
    help="Style image, if it was moved; repeat the option for a blend, in order, or give mean(FOLDER/*).",
)
@option("--trust-paths", group="common", is_flag=True, help="Read the files that IMAGE names from any folder.")
@option("--yes", group="common", is_flag=True, help="Do not refuse a long run.")
@option("--show", group="common", is_flag=True, help="Print the settings of IMAGE, changed ones first, and exit.")
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
    """Reproduce IMAGE, which nst made, from its embedded metadata, optionally with changed settings.

    Settings that are not given are those of IMAGE; --show lists them. A snapshot is reproduced with as many iterations
    as it had. Without changed settings it has as many CPU threads as IMAGE had, because rounding depends on them.

    The content and the style are read from the paths in the metadata, relative to the current folder, or from --content
    and --style. Their SHA-256 must match. The metadata could come from anyone: files outside the folder of IMAGE and
    the current folder are read only with --trust-paths, and a run of more than an hour, or of more memory than this
    machine has, starts only with --yes.
    """
    from nst.images import picture_size, read_metadata
    from nst.settings import make

    metadata = read_metadata(image)
    made = origin(image, metadata)
    if show:
        click.echo(printable("\n".join(_shown(made))))
        return
    if output is None:
        raise click.UsageError("name the image to write with -o, or use --show")
    from nst.pair.outputs import check_records, check_suffix

    check_suffix(output)
    check_needs_record(settings, record)
    make(made.settings, image)
    preset = presets.load(settings["preset"]).values if "preset" in settings else {}
    chosen = settings_from(settings, made.settings | preset, image)
    moved = _moved(image, made, content, styles)
    typed = {*settings, *preset, *(["content"] if content else []), *(["style"] if styles else [])}
    inputs = trust.inputs(made, moved, chosen, typed)
    if not trust_paths:
        trust.check_trusted(image, inputs)
    trust.check_unchanged(image, made, inputs)
    if not yes:
        trust.check_costs(image, chosen, picture_size(moved[0]), device, len(moved) - 1)
    logs.show()
    _warn_of_differences(made, chosen)
    from nst.pair.job import Job

    blend = tuple((path, weight) for path, (_, weight) in zip(moved[1:], made.styles, strict=True))
    if not settings and not threads:
        threads = _threads_of(made)
    job = Job(moved[0], blend, chosen, output, record=record, device=device, threads=threads, id=made.id)
    check_outputs([output], [image, *job.inputs], force=force)
    check_records([job], force=force)
    click.echo(summary(stylized(job, runner)))


def _threads_of(made: Origin) -> int:
    """The CPU threads with which an image was made; 0, the default, if this machine has fewer cores."""
    return made.threads if made.threads and made.threads <= (os.cpu_count() or 1) else 0


def _shown(made: Origin) -> Iterator[str]:
    """The inputs and settings of an image, changed settings first."""
    yield f"content  {made.content.path}"
    if len(made.styles) > MOST_LISTED:
        yield from (f"style    {path}, weight {weight:.3g}" for path, weight in made.styles)
    else:
        yield f"style    {styles_text(made.styles)}"
    yield f"made by  nst {made.nst}, algorithm {made.algorithm}"
    yield f"weights  {made.weights.network}, sha256 {made.weights.sha256}"
    values = {name: text(value) for name, value in made.settings.items()}
    defaults = {name: text(info.default) for name, info in fields().items()}
    changed = [name for name in values if values[name] != defaults.get(name)]
    width = max(map(len, values), default=0)
    yield "\nChanged settings  [default]:" if changed else "\nAll settings have their defaults."
    yield from (f"  {name:{width}}  {values[name] or 'none'}  [{defaults.get(name) or 'none'}]" for name in changed)
    yield "\nDefault settings:"
    yield from (f"  {name:{width}}  {values[name] or 'none'}" for name in values if name not in changed)


def _moved(image: str, made: Origin, content: str | None, styles: tuple[str, ...]) -> list[str]:
    """The present paths of the content and the styles."""
    before = [path for path, _ in made.styles]
    if any(map(has_mean, styles)):
        styles = tuple(path for text in styles for path, _ in parse_styles(text))
    if styles and len(styles) != len(before):
        order = ", ".join(before[:MOST_LISTED]) + ", …" * (len(before) > MOST_LISTED)
        raise NstError(
            f"--style: {image} has {len(before)} styles, not {len(styles)}; name each, in the order of {order}"
        )
    return [content or made.content.path, *(styles or before)]


def _warn_of_differences(made: Origin, chosen: Settings) -> None:
    from nst.weights import find

    log = logging.getLogger(__name__)
    file = find(chosen.network, chosen.weights)
    if made.weights.network == chosen.network and file.is_file() and sha256(file) != made.weights.sha256:
        log.warning("the image was made with other weights than %s: expect differences", file)
    if made.algorithm != ALGORITHM:
        log.warning(
            "the image was made by nst %s (algorithm %s), this is nst %s (algorithm %s): expect slight differences",
            printable(made.nst), made.algorithm, __version__, ALGORITHM,
        )  # fmt: skip
    if (size := made.settings.get("size")) != chosen.size and isinstance(size, (int, float)) and size and chosen.size:
        strokes = "finer" if chosen.size > size else "coarser"
        log.info("size %s instead of %s gives a different image, with %s strokes", chosen.size, size, strokes)
