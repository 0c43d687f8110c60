"""How a grid is run: Snakemake's command, the downloads that it needs, and what is missing on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import yaml

from nst.errors import NstError
from nst.grid import shipped
from nst.grid.config import Config
from nst.grid.inputs import Files, is_url, local
from nst.grid.pairs import Pair
from nst.io import weight_files
from nst.io.urls import pass_secrets, redacted
from nst.machine import gpus
from nst.settings import PATHS, is_number

#: Paths where Snakemake looks for a Snakefile in the working directory.
_SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")

#: Networks whose weights may be downloaded.
DOWNLOADED_NETWORKS = tuple(weight_files.TORCHVISION)


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
    changes: Mapping[str, str],
    *,
    config_file: str = "",
    profile: str = "",
    cores: int = 0,
    folder: Path = Path(),
) -> list[str]:
    """The arguments with which Snakemake runs a grid. As for `command`.

    Args:
        cores: CPU cores; 0 for all, or on a cluster what the profile gives.
        folder: Snakemake's working directory. If it is not this process's, `profile` must be an absolute path.
    """
    is_default, parts = _is_default(shipped.snakefile(), folder), []
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


def environment() -> dict[str, str]:
    """The environment of Snakemake, whose jobs call `nst` of this installation."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def urls_to_fetch(pairs: Iterable[Pair], results: str) -> dict[str, str]:
    """URLs of images that are not fetched yet, without passwords and signatures, by the names of their copies.

    Once a copy exists, the run no longer contacts the image's server. Child processes get the complete URLs.
    """
    urls = {path for pair in pairs for path in pair.pictures if is_url(path)}
    copies = {Path(local(url, results)): url for url in sorted(urls)}
    missing = {copy.name: url for copy, url in copies.items() if not copy.exists()}
    for url in missing.values():
        pass_secrets(url)
    return {name: redacted(url) for name, url in missing.items()}


def weights_to_download(pairs: Iterable[Pair]) -> list[tuple[str, str]]:
    """(network, setting `weights`) of all weights of these pairs that are downloaded, sorted."""
    chosen = {(pair.settings.network, pair.settings.weights) for pair in pairs}
    return sorted(each for each in chosen if weight_files.downloaded(*each))


def has_weights(network: str, weights: str) -> bool:
    """Whether the weights of a network are on this machine."""
    try:
        return weight_files.find(network, weights).is_file()
    except NstError:
        return False


def hash_of_files(pairs: Iterable[Pair], files: Files) -> str:
    """A hash of the contents of all files that pairs need. A URL counts by its redacted name only."""
    pairs = list(pairs)
    names = {path for pair in pairs for path in pair.pictures}
    names |= {pair.settings.weights for pair in pairs} - PATHS["weights"]
    digests = "\n".join(f"{redacted(name)}\t{files.digest(name)}" for name in sorted(names))
    return hashlib.sha256(digests.encode()).hexdigest()[:16]


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


def _is_default(snakefile: Path, folder: Path = Path()) -> bool:
    """Whether Snakemake uses nst's Snakefile by default, because it is in its working directory."""
    default = next((folder / name for name in _SNAKEFILES if (folder / name).is_file()), None)
    return default is not None and default.samefile(snakefile)


def _as_config(value: str) -> str:
    """The value quoted so that `snakemake --config`, which parses YAML, reads it as this string."""
    with suppress(yaml.YAMLError):
        if yaml.safe_load(value) == value.strip("'\"") and not is_number(value):
            return value
    return f" {json.dumps(value, ensure_ascii=False)} "  # Snakemake strips outer quotes, but not between blanks
