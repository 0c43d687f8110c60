"""What `nst reproduce` checks before it acts on an image's metadata, which could come from anyone.

Which files it may read, whether they are unchanged, and what the run would cost.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

from nst.errors import NstError, Problems
from nst.grid.estimate import Hardware, estimate
from nst.io.files import is_regular, sha256
from nst.machine import gpus
from nst.pair.origin import Origin
from nst.settings import PATHS, Settings, flag
from nst.settings.wording import duration_text

#: Estimated seconds above which --yes is required.
MOST_SECONDS = 3600.0


class InputFile(NamedTuple):
    """An input file: its role or setting, its path in the metadata, and its present path."""

    name: str
    before: str
    now: str
    typed: bool
    """Whether the user gave the path; otherwise only the metadata does, which is not trusted."""


def inputs(made: Origin, moved: list[str], chosen: Settings, typed: set[str]) -> list[InputFile]:
    """All input files of an image that is to be reproduced.

    Args:
        moved: the present paths of the content and of each style. chosen: the settings, which name further files.
        typed: the settings, and `content` and `style`, that the user gave.
    """
    inputs = [("content", made.content.path, moved[0])]
    inputs += [("style", path, now) for (path, _), now in zip(made.styles, moved[1:], strict=True)]
    named = {name: getattr(chosen, name) for name in PATHS}
    inputs += [(name, path, path) for name, path in named.items() if path not in PATHS[name]]
    return [InputFile(*each, typed=each[0] in typed) for each in inputs]


def check_trusted(image: str, inputs: list[InputFile]) -> None:
    """Raise Problems for files that only the metadata names, outside the folder of the image and the current one."""
    trusted = [Path(image).parent.resolve(), Path.cwd()]
    if elsewhere := [each for each in inputs if not each.typed and not _is_within(each.now, trusted)]:
        raise Problems(
            f"{image}: its {name} {now} is neither in its folder nor in the current folder; name the file with "
            f"{flag(name)} FILE, or add --trust-paths if you trust the image"
            for name, _, now, _ in elsewhere
        )


def _is_within(path: str, folders: list[Path]) -> bool:
    """Whether a file, with its links resolved, is within one of the folders."""
    try:
        return any(Path(path).resolve().is_relative_to(folder) for folder in folders)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of symlinks
        return False


def check_unchanged(image: str, made: Origin, inputs: list[InputFile]) -> None:
    """Raise Problems for inputs that are missing or have changed."""
    if wrong := [problem for each in inputs if (problem := _problem(image, made, each))]:
        raise Problems(wrong)


def _problem(image: str, made: Origin, given: InputFile) -> str:
    """The problem with an input and how to fix it; '' if there is none."""
    name, before, now, typed = given
    if not is_regular(now):
        advice = f"name the file with {flag(name)} FILE, or run this command in the folder that the path is relative to"
        return f"{image}: its {name} {now} was not found; {advice}"
    if before not in made.hashes:
        known = typed or name == "weights"  # different weights only cause a warning
        return "" if known else f"{image}: has no SHA-256 of its {name} {now}; name the file with {flag(name)} FILE"
    if sha256(Path(now)) == made.hashes[before]:
        return ""
    if now != before:
        return f"{now}: is not the {name} of {image}: the SHA-256 differs; to use another image, run nst stylize"
    advice = f"name the original with {flag(name)} FILE, or run nst stylize to use another image"
    return f"{image}: its {name} {now} has changed since: the SHA-256 differs; {advice}"


def check_costs(image: str, chosen: Settings, size: tuple[int, int], device: str, styles: int) -> None:
    """Raise NstError if the settings of the image would take over an hour, or more memory than this machine has.

    Args:
        size: width and height of the content in pixels. styles: their number.
    """
    hardware: Hardware | None = "gpu" if gpus.for_device(device) else None
    seconds, megabytes = estimate(chosen, size, os.cpu_count() or 1, hardware, styles=styles)
    if seconds > MOST_SECONDS or megabytes > _memory():
        raise NstError(
            f"{image}: {chosen.iterations:,} iterations at size {chosen.size or max(size)} take about "
            f"{duration_text(seconds)} and {megabytes / 1000:,.1f} GB of memory; add --yes to run it, or use a smaller "
            "--size or fewer --iterations"
        )


def _memory() -> float:
    """The memory of this machine in megabytes; infinity if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (AttributeError, ValueError, OSError):
        return math.inf
