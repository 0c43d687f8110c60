"""The command that runs a grid, and what this machine lacks for it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import yaml

from nst.errors import NstError
from nst.grid.config import Config
from nst.grid.inputs import is_url
from nst.grid.pairs import Pair
from nst.io import weight_files
from nst.machine import gpus

#: Where Snakemake looks for a Snakefile, in the working directory.
_SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")


def repository() -> Path | None:
    """The folder with the workflow, beside the package; None where the package was installed without it."""
    folder = Path(__file__).resolve().parents[2]
    whole = (folder / "Snakefile").is_file() and (folder / "workflow/Snakefile").is_file()
    return folder if whole else None


def command(changes: Mapping[str, str], *, config_file: str = "", profile: Path | None = None) -> str:
    """The command line that runs a grid from the working directory, quoted for a shell.

    Args:
        changes: keys of the configuration that are not what it says.
        profile: of a cluster; without one, all cores of this machine are used.
    """
    folder = repository()
    here = folder is not None and _is_here(folder)
    files = [config_file] if config_file else []
    parts = ["snakemake"]
    if not here:
        parts += ["-s", str(folder / "Snakefile") if folder else "NST/Snakefile"]
    if profile:
        parts += ["--workflow-profile", str(profile)]
        # The file that a profile names is looked for in the working directory only, and not at all beside another one.
        files += [str(profile / "nst.yaml")] if files or not here else []
    else:
        parts += ["--cores", str(os.cpu_count() or 1)]
    parts += ["--configfile", *files] if files else []
    parts += ["--config", *(f"{key}={_as_config(value)}" for key, value in changes.items())] if changes else []
    line = shlex.join(parts)
    if folder is None:
        line += "\n          with, for NST, your copy of nst's repository: it was installed here without the workflow"
    return line


def lacking(pairs: Collection[Pair], config: Config) -> Iterator[str]:
    """What has to be had before these pairs can be stylized on this machine, a line each."""
    for network, source in sorted({(pair.settings.network, pair.settings.weights) for pair in pairs}):
        try:
            if not weight_files.find(network, source).is_file():
                yield f"weights of {network}: the run downloads them; without internet see `nst weights {network}`"
        except NstError as error:
            yield str(error)
    addresses = {path for pair in pairs for path in pair.pictures if is_url(path)}
    if addresses:
        yield f"{len(addresses):,} of the pictures: the run downloads them"
    if any(path.startswith("s3://") for path in addresses) and not find_spec("s3fs"):
        yield "the package s3fs, for addresses s3://…: pip install s3fs"
    if config.device == "cuda" and not gpus.available():
        yield "a GPU: the configuration says `device: cuda`, and none is seen here"
    if not find_spec("snakemake"):
        folder = repository()
        yield f"Snakemake: pip install {shlex.quote(f'{folder}[workflow]' if folder else 'snakemake')}"


def _is_here(folder: Path) -> bool:
    """Whether Snakemake finds our Snakefile in the working directory."""
    found = next((path for path in map(Path, _SNAKEFILES) if path.is_file()), None)
    return found is not None and found.samefile(folder / "Snakefile")


def _as_config(value: str) -> str:
    """A text as `snakemake --config` reads it as that text: it strips quotes and takes numbers and YAML for theirs."""
    with suppress(yaml.YAMLError):
        if yaml.safe_load(value) == value.strip("'\"") and not _is_number(value):
            return value
    return f" {json.dumps(value, ensure_ascii=False)} "  # quotes between blanks are YAML's


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
