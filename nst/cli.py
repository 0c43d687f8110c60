"""The command group `nst`. Each subcommand is a module that is imported when it is called."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import click
from click.shell_completion import CompletionItem

from nst.errors import NstError
from nst.io.urls import redacted

if TYPE_CHECKING:
    from nst.engine.stylization import Progress
    from nst.pair.job import Job

#: Help line of each subcommand. Its module is nst.commands.NAME, and the click command in it is called `command`.
COMMANDS = {
    "stylize": "Stylize an image, or each image of a folder.",
    "reproduce": "Reproduce an image from its embedded metadata, optionally with changed settings.",
    "apply": "Stylize an image with a network trained by `parameters: network`.",
    "init": "Write the files of a new grid to a folder.",
    "grid": "Show the pairs of a manifest, without stylizing them.",
    "run": "Run a grid: stylize what is new or has changed.",
    "settings": "List the settings with their ranges and defaults.",
    "evaluate": "Compute the reference metrics of an image.",
    "weights": "Find, download and check the weights of a network.",
    "fetch": "Download an image from a URL.",
    "tables": "Compare the pairs of a grid in tables.",
    "sheet": "Arrange the images of a grid on contact sheets.",
    "plot": "Plot the losses and errors of a grid.",
    "gallery": "Write an HTML gallery of a grid.",
    "publish": "Put the gallery of a grid on a server, such as an S3-compatible bucket.",
    "animate": "Make an animation from the frames of a run.",
    "bundle": "Stylize the pairs of a bundle in one cluster job.",
    "worker": "Run, list or stop workers, which keep networks loaded between images.",
    "studio": "Serve the web app.",
    "doctor": "Check this machine: GPUs, weights and packages.",
}


#: Exit status of `nst`, and what it means. That of `nst run` is Snakemake's: 0 or 1.
EXIT_CODES = {
    0: "Success.",
    1: "An error, which is printed as a message. Finished results are kept, and no half-written file is left.",
    130: "Interrupted by Ctrl-C (nst run: 1) or, while an image is stylized, by SIGTERM. The same command resumes.",
}


class Runner(Protocol):
    """Stylizes a pair in place of `nst.pair.stylize.stylize_pair`.

    `ask` returns the answer to a yes-or-no question, or None where no user can answer.
    """

    def stylize(self, job: Job, on_progress: Callable[[Progress], None]) -> dict[str, Any]: ...

    def ask(self, question: str) -> bool | None: ...


class LazyGroup(click.Group):
    """A command group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"nst.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin so, without importing the commands."""
        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            advice = f"did you mean {near[0]}?" if near else "`nst --help` lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}; {advice}")
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, option: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        from nst.machine import about

        click.echo("\n".join(about.lines()))
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: " + " ".join(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items()),
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the versions of nst and torch, the device and the weights, and exit.",
)  # fmt: skip
@click.pass_context
def group(ctx: click.Context) -> None:
    """Neural style transfer for many pairs of images.

    \b
    First steps:
      nst stylize photo.jpg painting.jpg        writes photo--painting.png
      nst stylize photos/ painting.jpg -o out/  stylizes each image of a folder
      nst COMMAND --help                        shows the options of a command
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: list[str] | None = None, runner: Runner | None = None) -> int:
    """Run the command and return its exit status, one of EXIT_CODES.

    With NST_DEBUG in the environment, error messages are printed with their traceback.

    Args:
        runner: stylizes the pairs where a worker runs the command.
    """
    try:
        result = group.main(arguments, prog_name="nst", standalone_mode=False, obj=runner)
        return result if isinstance(result, int) else 0
    except (click.Abort, KeyboardInterrupt):
        return 130
    except NstError as error:
        if os.environ.get("NST_DEBUG"):
            traceback.print_exception(error)
        lines = str(error).splitlines()
    except click.ClickException as error:
        lines = [_usage_error(error)]
    except BrokenPipeError:  # `nst grid | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or flushing it at exit would fail again
        return 0
    for line in lines:
        click.echo(f"nst: {redacted(line)}", err=True)
    return 1


def unexpected(error: Exception) -> int:
    """Print an unexpected error with its traceback, and as one last line for logs. Returns the exit status."""
    from nst.machine.runtime import no_address_space, out_of_memory

    if out_of_memory(error):
        click.echo(f"nst: {no_address_space(error)}", err=True)
        return 1
    traceback.print_exception(error)
    message = str(error).strip().partition("\n")[0]
    click.echo(f"nst: {type(error).__name__}: {message} (this is a bug in nst; see the traceback above)", err=True)
    return 1


def _usage_error(error: click.ClickException) -> str:
    from nst.settings import decimal_point

    message = " ".join(error.format_message().split()).removesuffix(".")
    if number := re.search(r"'(\d+,\d+)' is not a valid float", message):
        message += decimal_point(number[1])
    context = getattr(error, "ctx", None)
    if context is None or "nst --help" in message:
        return message
    return f"{message}; see `{context.command_path} --help`"
