"""`nst run`: run the workflow of a grid in any folder."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec

import click

from nst.commands.completion import FILE
from nst.commands.options import config_of, config_option, profile_option, results_of, results_option
from nst.errors import NstError
from nst.grid import plan, shipped
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid


class _Command(click.Command):
    """A command whose arguments after `--` are Snakemake's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["snakemake"] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@click.command(cls=_Command)
@click.argument("manifest", type=FILE, required=False, metavar="[MANIFEST] [-- SNAKEMAKE'S OPTIONS]")
@click.option("--cores", type=click.IntRange(1), help="CPU cores.  [default: all]")
@profile_option("Without it, the grid runs on this machine.")
@results_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    manifest: str | None,
    cores: int | None,
    profile: str,
    results: str | None,
    config_file: str | None,
) -> None:
    """Stylize what is new or has changed in MANIFEST, and write the gallery, tables and sheets.

    \b
    nst run                             the manifest of config/config.yaml
    nst run mine.csv --results out      with the results in out/
    nst run mine.csv --profile slurm    on a Slurm cluster
    nst run mine.csv -- --dry-run       what follows -- is for Snakemake

    It runs Snakemake with nst's workflow in the working directory. The same command resumes an interrupted run.
    """
    _check_packages(profile)
    config = config_of(config_file)
    changes = {"manifest": manifest} if manifest else {}
    changes |= {"results": results_of(results)} if results else {}
    read_grid(manifest or config.manifest, config.model_copy(update=changes), Files())  # its errors, before Snakemake
    arguments = plan.snakemake_arguments(changes, config_file=config_file or "", profile=profile, cores=cores or 0)
    command = [sys.executable, "-m", "snakemake", *joined(arguments, ctx.meta["snakemake"])]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, plan.environment())  # noqa: S606 - no shell; Ctrl-C and exit status are Snakemake's


def joined(ours: list[str], given: list[str]) -> list[str]:
    """Our arguments of Snakemake and the user's, with one `--config`: Snakemake reads only the last one."""
    options = (re.fullmatch("(?s)--config|-C|(?:--config=|-C=?)(.+)", text) for text in given)
    at, option = next(((index, match) for index, match in enumerate(options) if match), (0, None))
    if not option or ours[0] != "--config":
        return ours + given
    end = next(index for index, text in enumerate(ours[1:], 1) if text.startswith("--"))
    if option[1]:  # `--config=key=value` takes one value; the next argument may be a target
        return [*ours[:end], option[1], *ours[end:], *given[:at], *given[at + 1 :]]
    return [*ours[end:], *given[: at + 1], *ours[1:end], *given[at + 1 :]]


def _check_packages(profile: str) -> None:
    """Raise NstError if Snakemake or the executor of a cluster is not installed."""
    if not find_spec("snakemake"):
        raise NstError(f"nst run requires Snakemake; {shipped.installer('workflow')}")
    if profile == "slurm" and not find_spec("snakemake_executor_plugin_slurm"):
        raise NstError(f"the profile slurm requires Snakemake's plugin for it; {shipped.installer('slurm')}")
