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
from nst.commands.completion import FILE
from nst.errors import NstError, Problems
from nst.grid import shipped
from nst.grid.config import CONFIG, Config, load_configs, results_folder
from nst.machine import DEVICES
from nst.machine.cpu import MAX_THREADS
from nst.settings import GROUPS, Settings, SettingsError, choices, fields, flag, grouped, text
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

record_option = option(
    "--record",
    group="output",
    type=PATH,
    metavar="FOLDER",
    help="Folder for losses, frames, animation and run.json.",
)
device_option = option(
    "--device",
    group="machine",
    type=click.Choice(DEVICES),
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


config_option = click.option(
    "--config",
    "config_file",
    type=FILE,
    metavar="FILE",
    help=f"Configuration file. If {CONFIG} exists, it is read first, and this file changes its values.",
)
results_option = click.option(
    "--results", type=FILE, metavar="FOLDER", help="Results folder.  [default: that of the configuration]"
)


def profile_option(note: str, *, default: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option --profile, '' for none. note: what it does in this command, and without it."""
    return click.option(
        "--profile",
        metavar="NAME|FOLDER",
        default=default,
        show_default=bool(default),
        shell_complete=completion.profiles,
        help=f"Cluster profile: a folder, or a name in profiles/, such as slurm. {note}",
    )


def cluster_profile(given: str) -> Path:
    """The folder of --profile. Raises NstError if there is none, or if it has no nst.yaml."""
    folder = shipped.profile(given)
    if not (folder / "nst.yaml").is_file():
        raise NstError(f"--profile: there is no file {folder / 'nst.yaml'}; name the folder of a cluster profile")
    return folder


#: Where the workflow sends a configuration in which everything is merged.
_COMPLETE = "/dev/stdin"


def config_files(given: str | None) -> list[str | Path]:
    """The configuration files of the working directory and of --config, the last of which overrides the others."""
    if given == _COMPLETE:
        return [given]
    own = [CONFIG] if Path(CONFIG).exists() else []
    return [*own, *([given] if given else [])]


def config_of(given: str | None) -> Config:
    """The configuration of the working directory, with what --config changes, as Snakemake merges them."""
    return load_configs(config_files(given))


def results_of(given: str) -> str:
    """The folder that --results gives. Raises NstError for a name that the workflow cannot use."""
    try:
        return results_folder(given)
    except ValueError as error:
        raise NstError(f"--{error}") from None  # the message begins with `results: `


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


def setting_range(name: str) -> tuple[float, float]:
    """The least and the greatest value of a setting that is a number."""
    found = {key: getattr(each, key) for each in fields()[name].metadata for key in ("ge", "le") if hasattr(each, key)}
    return found["ge"], found["le"]


def check_needs_record(given: dict[str, str], record: Path | None) -> None:
    """Raise NstError for flags that have an effect only with --record."""
    if record is None and given.get("snapshot_interval", "0") != "0":
        raise NstError("--snapshot-interval requires --record FOLDER, the folder for the snapshots")


def settings_from(given: dict[str, str], basis: dict[str, Any], source: str) -> Settings:
    """The settings: those of `basis`, overridden by the flags. Raises Problems, which name the flags.

    source: the preset or image that `basis` comes from, for messages.
    """
    try:
        return Settings(**(basis | given))
    except SettingsError as error:
        lines = [f"{wrong.as_flag()}{wrong.inherited(given, basis, source)}" for wrong in error.wrong]
        raise Problems(lines) from None


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
