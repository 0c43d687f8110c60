"""The command that runs a grid, and its missing requirements on this machine."""

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
from nst.grid import shipped
from nst.grid.config import Config
from nst.grid.inputs import is_url
from nst.grid.pairs import Pair
from nst.io import weight_files
from nst.machine import gpus
from nst.settings import is_number

#: Paths where Snakemake looks for a Snakefile in the working directory.
_SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")


def command(changes: Mapping[str, str], *, config_file: str = "", profile: Path | None = None) -> str:
    """The command line that runs a grid from the working directory, quoted for a shell.

    Args:
        changes: values that override the configuration.
        profile: the folder of a cluster profile; None to run on all cores of this machine.
    """
    is_default = _is_default(shipped.snakefile())
    files = [config_file] if config_file else []
    parts = ["snakemake"]
    if not is_default:
        parts += ["-s", str(shipped.snakefile())]
    if profile:
        parts += ["--workflow-profile", str(profile)]
        # Snakemake reads the config file of a profile only relative to the working directory, and not if another is
        # given.
        files += [str(profile / "nst.yaml")] if files or not is_default else []
    else:
        parts += ["--cores", str(os.cpu_count() or 1)]
    parts += ["--configfile", *files] if files else []
    parts += ["--config", *(f"{key}={_as_config(value)}" for key, value in changes.items())] if changes else []
    return shlex.join(parts)


def missing_requirements(pairs: Collection[Pair], config: Config) -> Iterator[str]:
    """A line for each missing requirement of these pairs on this machine."""
    for network, source in sorted({(pair.settings.network, pair.settings.weights) for pair in pairs}):
        try:
            if not weight_files.find(network, source).is_file():
                yield f"weights of {network}: the run downloads them; without internet see `nst weights {network}`"
        except NstError as error:
            yield str(error)
    urls = {path for pair in pairs for path in pair.pictures if is_url(path)}
    if urls:
        yield f"{len(urls):,} input images: the run downloads them"
    if any(path.startswith("s3://") for path in urls) and not find_spec("s3fs"):
        yield "the package s3fs, for URLs s3://…: pip install s3fs"
    if config.device == "cuda" and not gpus.available():
        yield "a GPU: the configuration has `device: cuda`, but no GPU was found"
    if not find_spec("snakemake"):
        yield f"Snakemake: {shipped.installer('workflow')}"


def _is_default(snakefile: Path) -> bool:
    """Whether Snakemake uses nst's Snakefile by default, because it is in the working directory."""
    default = next((path for path in map(Path, _SNAKEFILES) if path.is_file()), None)
    return default is not None and default.samefile(snakefile)


def _as_config(value: str) -> str:
    """The value quoted so that `snakemake --config`, which parses YAML, reads it as this string."""
    with suppress(yaml.YAMLError):
        if yaml.safe_load(value) == value.strip("'\"") and not is_number(value):
            return value
    return f" {json.dumps(value, ensure_ascii=False)} "  # Snakemake strips outer quotes, but not between blanks
