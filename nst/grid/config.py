"""The configuration of a grid (config.yaml): its keys, checks and JSON schema."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nst.errors import NstError, Problems
from nst.grid.inputs import has_control
from nst.grid.manifest import REQUIRED
from nst.io.yaml_file import read_mapping, without_empty
from nst.settings import Layers, Settings, did_you_mean, fields, presets, problems
from nst.settings.metrics import Ranking
from nst.settings.presets import yes_or_no

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

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
    """The configuration of a grid. The descriptions are in config/README.md and in the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    device: Literal["auto", "cuda", "mps", "cpu"] = Field(
        default="auto",
        description="device: auto is an NVIDIA GPU if there is one, else the CPU; mps (Apple) is untested",
    )
    format: Literal["png", "jpg", "tif"] = Field(
        default="png", description="file format of the images; tif has 16 bits per channel"
    )
    video: Literal["none", "mp4"] = Field(default="none", description="also write each animation as a video")
    rank_by: Annotated[str, AfterValidator(_ranking)] = Field(
        default=str(Ranking()),
        description="what ranks the images of one content and style: score, a metric, or mean(A, B) for the mean of "
        "the ranks by several",
    )
    worker: Annotated[Literal["auto", "yes", "no"], BeforeValidator(yes_or_no)] = Field(
        default="auto",
        description="keep processes with loaded networks between images: auto is yes on GPUs and no on a CPU",
    )
    threads: int = Field(default=0, description="CPU threads of a job; 0 lets nst choose", ge=0, le=1024)
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


def _lines(problem: Any) -> list[str]:
    """The lines `KEY: what is wrong; what would be right` for a problem that pydantic found."""
    key, given = str(problem["loc"][0]), problem.get("input")
    if problem["type"] == "value_error":  # _settings wrote the lines
        return str(problem["msg"]).removeprefix("Value error, ").splitlines()
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(key, Config.model_fields)
        setting = "; it is a setting: write it below `settings:`" if key in fields() else ""
        return [f"{key}: no such key{setting or near or '; the keys are ' + ', '.join(Config.model_fields)}"]
    info = Config.model_fields[key]
    options = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    numbers: dict[Any, str] = {int: "a whole number from 0 to 1024", float: "a number from 0 to 10080"}
    right = numbers.get(info.annotation, "a path")
    if key == "rank_by":
        right = "score, a metric, or mean(A, B)"
    if right == "a path" and isinstance(given, (int, float)):
        right += "; write ./ before a name that looks like a number"
    right = f"one of {', '.join(options)}" if options else right
    return [f"{key}: {str(given)!r} is not allowed; expected {right}{did_you_mean(str(given), options)}"]


def config_schema() -> dict[str, Any]:
    """The JSON schema of config.yaml."""
    schema = Config.model_json_schema()
    settings = {name: _lenient(name, info) for name, info in Settings.model_json_schema()["properties"].items()}
    schema["properties"]["worker"]["enum"] += [True, False]  # as YAML reads yes and no
    del schema["properties"]["worker"]["type"]
    schema["properties"]["settings"] |= {"properties": settings, "additionalProperties": False}
    return {"$schema": _DIALECT, **schema}


def manifest_schema() -> dict[str, Any]:
    """The JSON schema of a manifest row. All cells are strings; `nst.grid.pairs` checks their meaning."""
    described = {
        "content": "content image, list a.jpg|b.jpg or glob",
        "style": "style image, list, glob or blend wave.jpg:0.7+scream.jpg:0.3",
        "name": "name of the row's settings in the results",
        **{name: info.description or "" for name, info in fields().items()},
    }
    properties = {name: {"type": "string", "description": text} for name, text in described.items()}
    for name in REQUIRED:
        properties[name]["pattern"] = r"\S"
    return {
        "$schema": _DIALECT,
        "title": "Row of the manifest",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "additionalProperties": False,
    }


def _lenient(name: str, property: dict[str, Any]) -> dict[str, Any]:
    """The schema of a setting in YAML, which reads 1e4 as a string, yes as true and a missing value as null."""
    # Without defaults: Snakemake would add them to the configuration, as if they had been given.
    aside = ("description", "default", "title", "unit", "group")
    exact = {key: value for key, value in property.items() if key not in aside}
    kinds: list[dict[str, Any]] = [{"type": "null"}]
    if fields()[name].annotation is Layers:
        kinds.append({"type": "object", "additionalProperties": {"type": "number", "minimum": 0}})
    if "yes" in exact.get("enum", ()):
        kinds.append({"type": "boolean"})
    if "const" in str(exact.get("anyOf")) or exact.get("type") in ("number", "integer"):
        kinds.append({"type": "string", "pattern": r"^\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*$"})
    return {"description": fields()[name].description, "anyOf": [exact, *kinds]}
