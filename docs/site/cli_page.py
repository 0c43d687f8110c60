"""The reference of the command line, made from its click commands.

Options that set a setting are left out: the page of the settings lists them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from nst import cli
from nst.commands.options import Option
from nst.settings import GROUPS, fields, flag

_INTRODUCTION = """---
search:
  boost: 2
---

# Command line

`nst COMMAND --help` prints the same. The [exit status](exit-codes.md) is 0, 1 or 130;
[environment variables](environment.md) change where files are kept and when workers run.
"""
_SETTINGS = frozenset(map(flag, fields()))


def markdown() -> str:
    """The page."""
    context = click.Context(cli.group, info_name="nst", **cli.group.context_settings)
    overview = ["| command | purpose |", "|---|---|"]
    overview += [f"| [`nst {name}`](#nst-{name}) | {purpose} |" for name, purpose in cli.COMMANDS.items()]
    parts = [_INTRODUCTION, "\n".join(overview), ""]
    for name in cli.COMMANDS:
        command = cli.group.get_command(context, name)
        assert command is not None
        parts += _command(command, f"nst {name}", 2)
    return "\n".join(parts)


def _command(command: click.Command, name: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    yield f"{'#' * level} {name}\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    yield _description(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            child = command.get_command(context, sub)
            assert child is not None
            yield from _command(child, f"{name} {sub}", level + 1)


def _description(help: str) -> str:
    """The help of a command; its preformatted paragraphs become blocks."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(help))
    return "\n\n".join(_block(p) if p.startswith("\b") else p for p in paragraphs) + "\n"


def _block(paragraph: str) -> str:
    return f"```text\n{inspect.cleandoc(paragraph.removeprefix(chr(8)).strip(chr(10)))}\n```"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """The tables of the options, by group, and a line about the settings."""
    rows: dict[str, list[str]] = {title: [] for title in (*GROUPS.values(), "Other")}
    has_settings = False
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or not (record := parameter.get_help_record(context)):
            continue
        if isinstance(parameter, Option) and parameter.opts[0] in _SETTINGS:
            has_settings = True
        else:
            title = parameter.title if isinstance(parameter, Option) else "Other"
            rows[title].append(f"| {_code(record[0])} | {_cell(record[1])} |")
    if has_settings:
        yield "Each [setting](settings.md) is an option: `style_weight` is `--style-weight`. The other options are:\n"
    lines = [line for group in rows.values() for line in group]
    yield "\n".join(["| option | meaning |", "|---|---|", *lines, ""])


def _code(text: str) -> str:
    """As code, without a line break within an option's name."""
    return ", ".join(f"`{part.strip()}`" for part in text.replace("|", chr(92) + "|").split(", "))


def _cell(text: str) -> str:
    return " ".join(re.sub(r"([|*\[\]])", r"\\\1", text).split())
