"""The contents and outputs of `nst stylize`: one, or one for each image of a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst.errors import NstError, Problems
from nst.grid.inputs import SUFFIXES, Styles
from nst.grid.names import stem
from nst.io.files import is_file, is_folder
from nst.pair.job import output_name

if TYPE_CHECKING:
    from nst.pair.job import Job

Target = tuple[str, Path]
"""Path of a content image, and path of its output."""


def targets(content: str, styles: Styles, output: Path | None) -> list[Target]:
    """The contents with their outputs; several if `content` is a folder.

    Raises NstError if a folder of contents has no images, or if no output folder is given for it.
    """
    if is_folder(content):
        return _of_folder(Path(content), styles, output)
    if output is None or is_folder(output):
        return [(content, (output or Path()) / f"{output_name(stem(content), styles)}.png")]
    return [(content, output)]


def stylize_each(jobs: Sequence[Job], stylize: Callable[[Job], dict[str, Any]], line: Callable[[Any], str]) -> None:
    """Stylize the jobs one after the other and print a line for each. Raises Problems at the end if some failed."""
    failed: list[list[str]] = []
    for job in jobs:
        try:
            click.echo(line(stylize(job)))
        except NstError as error:
            mine = f"{job.content}: "
            failed.append([mine + line.removeprefix(mine) for line in str(error).splitlines()])
            click.echo(f"{job.output}: failed")
    if failed:
        count = f"{len(failed)} of {len(jobs)} images failed; run the same command again to stylize them"
        raise Problems([count, *chain.from_iterable(failed)])


def _of_folder(folder: Path, styles: Styles, output: Path | None) -> list[Target]:
    if output is None:
        raise NstError(f"{folder} is a folder; give a folder for the results with -o")
    if output.suffix.lower() in SUFFIXES or is_file(output):
        raise NstError(f"{folder} is a folder; -o must be a folder too, not {output}")
    if output.resolve() == folder.resolve():
        raise NstError(f"{output}: is the folder of the contents; give another folder for the results with -o")
    return _named(_contents(folder, styles), styles, output)


def _contents(folder: Path, styles: Styles) -> list[Path]:
    """The images of a folder, by suffix, except the styles and hidden files."""
    try:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        raise NstError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    contents = [path for path in pictures if not any(_same(path, style) for style, _ in styles)]
    if not contents:
        raise NstError(f"{folder}: contains no images to stylize ({' '.join(SUFFIXES)})")
    return contents


def _named(contents: list[Path], styles: Styles, output: Path) -> list[Target]:
    """Each content with its output. Contents with the same stem keep their suffix in the name of the output.

    So does a content like a.jpg.webp, whose stem is the name of another one.
    """
    count = Counter(path.stem.casefold() for path in contents)
    whole = {path.name.casefold() for path in contents}
    names = [
        path.stem if count[path.stem.casefold()] == 1 and path.stem.casefold() not in whole else path.name
        for path in contents
    ]
    outputs = [output / f"{output_name(name, styles)}.png" for name in names]
    return list(zip(map(str, contents), outputs, strict=True))


def _same(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
