"""The command `nst`; each subcommand is a module that is imported when it is called."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import click

from nst.errors import NstError
from nst.io.urls import redacted
from nst.version import __version__

if TYPE_CHECKING:
    from nst.engine.stylization import Progress
    from nst.pair.job import Job

#: What each subcommand does. Its module is nst.commands.NAME and the command in it is called `command`.
COMMANDS = {
    "stylize": "Stylize a picture, or a folder of them, with a style.",
    "reproduce": "Reproduce a picture from its embedded metadata, with changed settings if you like.",
    "apply": "Run a network that was trained on a pair on another picture.",
    "grid": "Show what a manifest asks for; run nothing.",
    "settings": "List every setting, its range and its default.",
    "evaluate": "Measure how well a picture keeps its content and its style.",
    "weights": "Fetch a network's weights and check them.",
    "fetch": "Copy a picture from a URL.",
    "tables": "Compare the pictures of a grid in tables.",
    "sheet": "Arrange the pictures of a grid on contact sheets.",
    "plot": "Plot how the losses fell.",
    "gallery": "Show the pictures of a grid on a page.",
    "animate": "Make an animation from the frames of a stylization.",
    "bundle": "Stylize the pairs of a bundle in one cluster job.",
    "worker": "Run, show or stop the workers that keep GPUs warm.",
    "doctor": "Say what this machine has, and what to do about what is missing.",
}


class Runner(Protocol):
    """Stylizes a pair as `nst.pair.stylize.stylize_pair` does, and asks the caller; None means that nobody is there."""

    def stylize(self, job: Job, on_progress: Callable[[Progress], None]) -> dict[str, Any]: ...

    def ask(self, question: str) -> bool | None: ...


class LazyGroup(click.Group):
    """Knows the names and help lines of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"nst.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            advice = f"did you mean {near[0]}?" if near else "`nst --help` lists them"
            raise click.UsageError(f"there is no command {args[0]!r}; {advice}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nst", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Neural style transfer for many pairs of pictures.

    \b
    First steps:
      nst stylize photo.jpg painting.jpg        stylize a photo: writes photo--painting.png
      nst stylize photos/ painting.jpg -o out/  every picture of a folder
      nst COMMAND --help                        what a command does, with its options
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: list[str] | None = None, runner: Runner | None = None) -> int:
    """Run the command; the exit status is 0, 1 for what the user can fix, 130 after Ctrl-C.

    With NST_DEBUG in the environment, a message for the user comes with its traceback.

    Args:
        runner: stylizes in place of `nst.pair.stylize.stylize_pair`, where a worker runs the command.
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
        lines = [_sentence(error)]
    except BrokenPipeError:  # `nst grid | head`
        return _quiet()
    for line in lines:
        click.echo(f"nst: {redacted(line)}", err=True)
    return 1


def unexpected(error: Exception) -> int:
    """Tell of what should not have happened, whole and, for logs, in a last line; the exit status."""
    from nst.machine.runtime import no_address_space, out_of_memory

    if out_of_memory(error):
        click.echo(f"nst: {no_address_space(error)}", err=True)
        return 1
    traceback.print_exception(error)
    told = str(error).strip().partition("\n")[0]
    click.echo(f"nst: {type(error).__name__}: {told} (this should not happen; the lines above tell where)", err=True)
    return 1


def _sentence(error: click.ClickException) -> str:
    from nst.settings import decimal_point

    message = " ".join(error.format_message().split()).removesuffix(".")
    if number := re.search(r"'(\d+,\d+)' is not a valid float", message):
        message += decimal_point(number[1])
    context = getattr(error, "ctx", None)
    if context is None or "nst --help" in message:
        return message
    return f"{message}; see `{context.command_path} --help`"


def _quiet() -> int:
    """Keep the interpreter from complaining of the closed pipe once more when it flushes at its end."""
    import sys

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
