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


def command(changes: Mapping[str, str], *, config_file: str = "", profile: str = "") -> str:
    """The command line that runs a grid from the working directory, quoted for a shell.

    In nst's repository it is Snakemake's, elsewhere `nst run`.

    Args:
        changes: values of `manifest` and `results` that override the configuration.
        profile: name or folder of a cluster profile; '' to run on all cores of this machine.
    """
    if _is_default(shipped.snakefile()):
        return shlex.join(["snakemake", *snakemake_arguments(changes, config_file=config_file, profile=profile)])
    parts = ["nst", "run", *([changes["manifest"]] if "manifest" in changes else [])]
    given = {"results": changes.get("results", ""), "config": config_file, "profile": profile}
    return shlex.join([*parts, *(part for name, value in given.items() if value for part in (f"--{name}", value))])


def snakemake_arguments(
    changes: Mapping[str, str], *, config_file: str = "", profile: str = "", cores: int = 0
) -> list[str]:
    """The arguments with which Snakemake runs a grid in the working directory. As for `command`.

    Args:
        cores: CPU cores; 0 for all, or on a cluster what the profile gives.
    """
    is_default, parts = _is_default(shipped.snakefile()), []
    files = [config_file] if config_file else []
    if not is_default:
        parts += ["--snakefile", str(shipped.snakefile())]
    if profile:
        folder = shipped.profile(profile)
        parts += ["--workflow-profile", str(folder)]
        # Snakemake reads the config file of a profile only relative to the working directory, and not if another is
        # given.
        files += [str(folder / "nst.yaml")] if (files or not is_default) and (folder / "nst.yaml").is_file() else []
    elif not is_default:
        parts += ["--workflow-profile", str(shipped.profile("profiles/default"))]
    if cores or not profile:
        parts += ["--cores", str(cores or os.cpu_count() or 1)]
    values = [f"{key}={_as_config(value)}" for key, value in changes.items()]
    # First what takes several values, which would also take a target at the end of the line
    return [*(["--config", *values] if values else []), *(["--configfile", *files] if files else []), *parts]


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
