"""Options: one for each setting, and those that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from nst import layout
from nst.commands import completion
from nst.errors import NstError, Problems
from nst.machine.cpu import MAX_THREADS
from nst.settings import GROUPS, Settings, SettingsError, Wrong, choices, fields, flag, grouped, text
from nst.settings.metrics import Ranking


class Option(click.Option):
    """An option in one of the groups of the settings."""

    def __init__(self, *args: Any, group: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.title = GROUPS[group]


class GroupedCommand(click.Command):
    """A command whose help lists its options by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in (*GROUPS.values(), "Other")}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                rows[parameter.title if isinstance(parameter, Option) else "Other"].append(record)
        for title in filter(rows.get, rows):
            with formatter.section(title):
                formatter.write_dl(rows[title])


#: The type of options that are paths.
PATH = click.Path(path_type=Path)

option = functools.partial(click.option, cls=Option)


def _grid_csv(context: click.Context, argument: click.Parameter, given: Path) -> Path:
    return given / layout.GRID if given.is_dir() else given


grid_argument = click.argument("grid_csv", type=PATH, default=Path("results", layout.GRID), callback=_grid_csv)

record_option = option("--record", group="output", type=PATH, help="Folder for losses, frames, animation and run.json.")
device_option = option(
    "--device",
    group="machine",
    type=click.Choice(["auto", "cuda", "mps", "cpu"]),
    default="auto",
    show_default=True,
    help="Device; auto is an NVIDIA GPU if there is one, else the CPU.",
)
threads_option = option(
    "--threads",
    group="machine",
    type=click.IntRange(0, MAX_THREADS),
    default=0,
    help="CPU threads; 0 uses OMP_NUM_THREADS or all cores.",
)


def _ranking(context: click.Context, option: click.Parameter, given: str) -> str:
    try:
        return str(Ranking.parse(given))
    except ValueError as error:
        raise NstError(f"--rank-by: {error}") from None


rank_option = click.option(
    "--rank-by",
    metavar="METRIC",
    shell_complete=completion.rankings,
    default=str(Ranking()),
    show_default=True,
    callback=_ranking,
    help="What ranks the images of one content and style: a metric, or mean(A, B): the mean of the ranks by several.",
)


def setting_options(*, show_defaults: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option for each setting. The function gets the given ones as `settings`, a dict of strings.

    The strings are not checked yet: `nst.settings.make` reports all problems at once.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def collect(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(_parameter(name)) for name in fields()}
            chosen = {name: value for name, value in given.items() if value is not None}
            return function(*args, settings=chosen, **kwargs)

        wrapped: Callable[..., Any] = collect
        for group, names in zip(GROUPS, grouped().values(), strict=True):
            for name in reversed(names):
                wrapped = _option(name, group, show_defaults)(wrapped)
        return wrapped

    return decorate


def settings_from(given: dict[str, str], basis: dict[str, Any], source: str) -> Settings:
    """The settings: those of `basis`, overridden by the flags. Raises Problems, which name the flags.

    source: the preset or image that `basis` comes from, for messages.
    """
    try:
        return Settings(**(basis | given))
    except SettingsError as error:
        raise Problems(_line(wrong, given, basis, source) for wrong in error.wrong) from None


def _line(wrong: Wrong, given: dict[str, str], basis: dict[str, Any], source: str) -> str:
    """The problem with its flag; if no flag gave the value, also where it comes from."""
    name = wrong.setting
    if name in given or name not in basis:
        return wrong.as_flag()
    return f"{wrong.as_flag()}; {source} has {name} {text(basis[name])}"


def _parameter(name: str) -> str:
    """The parameter name of a setting, distinct from the command's own parameters, such as `style`."""
    return f"setting_{name}"


def _option(name: str, group: str, show_default: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    info = fields()[name]
    kinds: dict[Any, str] = {int: "INTEGER", float: "NUMBER"}
    kind = "NUMBER|auto" if name == "style_weight" else kinds.get(info.annotation, "TEXT")
    description = info.description or ""
    default = f"  [default: {text(info.default)}]" if show_default and text(info.default) else ""
    help = f"{description[:1].upper()}{description[1:]}.{default}"

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return completion.setting(name, incomplete, ctx.params.get("presets"))

    metavar = "|".join(choices(name)) or kind
    return option(flag(name), _parameter(name), group=group, metavar=metavar, shell_complete=complete, help=help)
