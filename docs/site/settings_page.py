"""The reference of the settings, made from their declarations: the basic ones first, then the advanced ones."""

from __future__ import annotations

from nst.settings import GROUPS, allowed, fields, flag, grouped, text

_INTRODUCTION = """# Settings

Each setting is a column of the [manifest](manifest.md), a key below `settings:` in
[config.yaml](config.md#configyaml) and in a [preset](config.md#presets), a flag of
[`nst stylize`](cli.md#nst-stylize), and an argument of [`nst.stylize`](python.md) in Python.
`nst settings NAME` explains one.

Most images need only the [basic settings](#basic). The [advanced](#losses) ones follow in groups.
"""


def markdown() -> str:
    """The page."""
    titles = {GROUPS["common"]: "Basic"}
    groups = [
        "\n".join([f"## {titles.get(title, title)}\n", *map(_setting, names)]) for title, names in grouped().items()
    ]
    return "\n".join([_INTRODUCTION, *groups])


def _setting(name: str) -> str:
    info = fields()[name]
    meaning = info.description or ""
    default = f"`{text(info.default)}`" if text(info.default) else "none"
    return (
        f"### `{name}`\n\n{meaning[:1].upper()}{meaning[1:]}.\n\n"
        f"Default: {default} · Values: {allowed(name)} · Flag: `{flag(name)}`\n"
    )
