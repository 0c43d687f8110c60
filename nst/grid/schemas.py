"""The JSON schemas of config.yaml and of a manifest row."""

from __future__ import annotations

from typing import Any

from nst.grid.config import Config
from nst.grid.manifest import REQUIRED
from nst.settings import Layers, Settings, fields

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


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
