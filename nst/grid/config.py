"""The configuration of a grid (config.yaml): its keys and their checks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nst.errors import NstError, Problems
from nst.grid.inputs import has_control
from nst.io.yaml_file import read_mapping, without_empty
from nst.machine import Device
from nst.machine.cpu import MAX_THREADS
from nst.settings import did_you_mean, fields, presets, problems
from nst.settings.checking import bounds
from nst.settings.metrics import Ranking
from nst.settings.presets import yes_or_no

#: Characters that Snakemake interprets in a path as wildcard, path variable or pattern.
_WILDCARDS = re.compile(r"[{}<>*?]")

#: Default path of the configuration, which is optional.
CONFIG = "config/config.yaml"


def _settings(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError("settings: is not a mapping; write a `setting: value` line for each")
    try:
        return presets.partial(dict(given))
    except ValidationError as error:
        lines = [f"settings.{key}: {message}" for key, message in problems(error)]
        raise ValueError("\n".join(lines)) from None


def expand_home(path: str) -> str:
    """The path with a leading `~` expanded."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises for an unknown user


def _manifest_path(given: str) -> str:
    """The path with `~` expanded. Raises ValueError for a name that Snakemake would misread."""
    path = expand_home(given)
    _check_for_snakemake("manifest", given, path)
    return path


def results_folder(given: str) -> str:
    """The path of the results folder, with `~` expanded and normalized: `out/` and `./out` become `out`.

    Raises ValueError for a name that Snakemake or a command line would misread.
    """
    folder = PurePath(expand_home(given)).as_posix()
    if folder.startswith("-"):
        raise ValueError(f"results: {given!r} begins with a dash, like an option; choose another name")
    _check_for_snakemake("results", given, folder)
    return folder


def _check_for_snakemake(key: str, given: str, path: str) -> None:
    if has_control(path) or _WILDCARDS.search(path):
        raise ValueError(f"{key}: {given!r} contains a line break, a brace, or one of < > * ?; choose another name")


def _ranking(given: str) -> str:
    try:
        return str(Ranking.parse(given))
    except ValueError as error:
        raise ValueError(f"rank_by: {error}") from None


class Config(BaseModel):
    """What a grid is made of, and how it is run. Every key is optional."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Configuration of a grid")

    manifest: Annotated[str, AfterValidator(_manifest_path)] = Field(
        default="config/manifest.csv",
        description="table of what to stylize; each row is a block of the grid",
        min_length=1,
    )
    results: Annotated[str, AfterValidator(results_folder)] = Field(
        default="results", description="folder for all results", min_length=1
    )
    presets: Annotated[str, AfterValidator(expand_home)] = Field(
        default=presets.FOLDER, description="folder of your own presets", min_length=1
    )
    settings: Annotated[dict[str, Any], BeforeValidator(_settings)] = Field(
        default_factory=dict, description="values of settings that neither a row nor its preset sets"
    )
    device: Device = Field(
        default="auto",
        description="device: auto is an NVIDIA GPU if there is one, else the CPU; mps (Apple's GPUs) is untested",
    )
    format: Literal["png", "jpg", "tif"] = Field(
        default="png", description="file format of the images; tif has 16 bits per channel"
    )
    video: Literal["none", "mp4"] = Field(default="none", description="also write each animation as a video")
    rank_by: Annotated[str, AfterValidator(_ranking)] = Field(
        default=str(Ranking()),
        description="what ranks the images of one content and style; mean(style_error, relaxed_emd) is the mean of "
        "their ranks by both",
    )
    worker: Annotated[Literal["auto", "yes", "no"], BeforeValidator(yes_or_no)] = Field(
        default="auto",
        description="keep processes with loaded networks between images: auto is yes on GPUs, and on a CPU only in "
        "bundles",
    )
    threads: int = Field(default=0, description="CPU threads of a job; 0 lets nst choose", ge=0, le=MAX_THREADS)
    bundle: float = Field(
        default=0,
        description="estimated minutes of work per cluster job; 0 makes each pair a separate job",
        ge=0,
        le=10080,
    )


def load_config(source: str | Path | Mapping[str, Any], where: str = CONFIG) -> Config:
    """The Config of a YAML file, or of a mapping that was read from the file `where`.

    Raises NstError for a file that cannot be read, and Problems with a line `FILE: KEY: …` for each mistake.
    """
    if not isinstance(source, Mapping):
        return load_config(read_mapping(source), str(source))
    config = _validated(source, where)
    try:
        presets.load(config.settings.get("preset", ""), config.presets)
    except Problems:
        raise
    except NstError as error:
        raise Problems([f"{where}: settings.preset: {error}"]) from None
    return config


def _validated(source: Mapping[str, Any], where: str) -> Config:
    """The Config of a mapping, without a check of its preset."""
    try:
        return Config.model_validate(without_empty(dict(source)))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise Problems(f"{where}: {line}" for problem in errors for line in _lines(problem)) from None


def load_configs(files: Sequence[str | Path]) -> Config:
    """The Config of several files, as Snakemake merges them: a mapping by its keys, any other value by the last file.

    Raises as `load_config` does.
    """
    merged: dict[str, Any] = {}
    for file in files:
        mapping = read_mapping(file)
        _validated(mapping, str(file))  # its mistakes, with its name
        merged = _merged(merged, mapping)
    return load_config(merged, str(files[-1]) if files else CONFIG)


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(first[key], value) if isinstance(value, Mapping) and isinstance(first.get(key), Mapping) else value
        for key, value in second.items()
    }
    return {**first, **both}


def allowed(key: str) -> str:
    """The accepted values of a key in words: 'one of none, mp4', 'a path'."""
    info = Config.model_fields[key]
    if options := _choices(key):
        return "one of " + ", ".join(options)
    if key == "settings":
        return "a `setting: value` line for each"
    if key == "rank_by":
        return "score, a metric, or mean(A, B)"
    return "a path" if info.annotation is str else bounds(info)


def _choices(key: str) -> tuple[str, ...]:
    annotation = Config.model_fields[key].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _lines(problem: Any) -> list[str]:
    """The lines `KEY: what is wrong; what would be right` for a problem that pydantic found."""
    key, given = str(problem["loc"][0]), problem.get("input")
    if problem["type"] == "value_error":  # _settings wrote the lines
        return str(problem["msg"]).removeprefix("Value error, ").splitlines()
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(key, Config.model_fields)
        setting = "; it is a setting: write it below `settings:`" if key in fields() else ""
        return [f"{key}: no such key{setting or near or '; the keys are ' + ', '.join(Config.model_fields)}"]
    right = allowed(key)
    if right == "a path" and isinstance(given, (int, float)):
        right += "; write ./ before a name that looks like a number"
    return [f"{key}: {str(given)!r} is not allowed; expected {right}{did_you_mean(str(given), _choices(key))}"]
