"""Completion of words in a shell: what click asks for, for values that are no enumerations of click's."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from nst.grid import shipped
from nst.settings import PATHS, choices, fields, presets
from nst.settings.metrics import RANKED

#: An argument or option that is the path of a file; it stays a string.
FILE = click.Path()


def setting(name: str, incomplete: str, folder: str | None = None) -> list[CompletionItem]:
    """The values of a setting that begin as `incomplete`, and files if it may be a path.

    Args:
        folder: the user's presets.
    """
    if name == "preset":
        found = presets.names(folder or presets.FOLDER)
        items = [CompletionItem(each, help=presets.load(each, folder or presets.FOLDER).description) for each in found]
    else:
        words = choices(name) or sorted(PATHS.get(name, ())) or ("auto",) * (name == "style_weight")
        items = [CompletionItem(word) for word in words if word]
    matching = [item for item in items if item.value.startswith(incomplete)]
    return matching + ([CompletionItem(incomplete, type="file")] if name in PATHS and not matching else [])


def setting_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of settings, with their descriptions."""
    found = {name: info for name, info in fields().items() if name.startswith(incomplete)}
    return [CompletionItem(name, help=info.description) for name, info in found.items()]


def profiles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of profiles; folders if none begins so."""
    found = [CompletionItem(name) for name in shipped.profiles() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="dir")]


def rankings(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What can rank images."""
    return [CompletionItem(name) for name in RANKED if name.startswith(incomplete)]
