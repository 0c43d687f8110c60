"""`nst settings`: list the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from nst.commands import completion
from nst.errors import NstError
from nst.grid import schemas
from nst.settings import allowed, did_you_mean, fields, grouped, presets, schema, text

_SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "settings": schema,
    "config": schemas.config_schema,
    "manifest": schemas.manifest_schema,
}


@click.command()
@click.argument("name", required=False, shell_complete=completion.setting_names)
@click.option(
    "--schema",
    "schema_of",
    type=click.Choice(list(_SCHEMAS)),
    is_flag=False,
    flag_value="settings",
    help="Print the JSON schema of the settings, the configuration or a row of the manifest.",
)
@click.option("--markdown", is_flag=True, help="Print the tables of config/README.md in Markdown.")
def command(name: str | None, schema_of: str | None, markdown: bool) -> None:
    """List all settings, or describe the setting or preset NAME."""
    if schema_of:
        click.echo(json.dumps(_SCHEMAS[schema_of](), indent=2, ensure_ascii=False))
    elif markdown:
        click.echo(markdown_table())
    elif name:
        click.echo(_one(name.strip("-")))
    else:
        click.echo("\n\n".join(_listed(title, names) for title, names in grouped().items()))


def markdown_table() -> str:
    """The Markdown tables of the settings for config/README.md, one for each group."""
    return "\n\n".join(_table(title, names) for title, names in grouped().items())


def _table(title: str, names: list[str]) -> str:
    rows = [(f"`{name}`", _default(name), allowed(name), fields()[name].description or "") for name in names]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([f"### {title}", "", "| setting | default | values | meaning |", "|---|---|---|---|", *lines])


def _listed(title: str, names: list[str]) -> str:
    width = max(map(len, fields()))
    lines = [f"  {name:{width}}  {fields()[name].description}  [{_default(name)}]" for name in names]
    return "\n".join([f"{title}:", *lines])


def _one(name: str) -> str:
    setting, known = name.replace("-", "_"), presets.names()
    if setting in fields():
        field, default = fields()[setting], _default(setting)
        lines = [f"{setting}: {field.description}", f"  values   {allowed(setting)}", f"  default  {default}"]
        return "\n".join([*lines, *(_presets() if setting == "preset" else ())])
    if name in known:
        preset = presets.load(name)
        width = max(map(len, preset.values), default=0)
        values = [f"  {key:{width}}  {text(value)}" for key, value in preset.values.items()]
        return "\n".join([f"preset {name}: {preset.description}", *values])
    near = did_you_mean(setting, fields()) or did_you_mean(name, known)
    raise NstError(f"there is no setting or preset {name!r}{near or '; `nst settings` lists the settings'}")


def _presets() -> list[str]:
    """The presets and their descriptions."""
    known = presets.names()
    width = max(map(len, known))
    return ["", *(f"  {name:{width}}  {presets.load(name).description}" for name in known)]


def _default(name: str) -> str:
    return text(fields()[name].default) or "none"
