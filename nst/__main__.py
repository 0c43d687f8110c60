"""Entry point of the command `nst` and of `python -m nst`.

A command for one pair is sent to a worker if one is available. Otherwise this process imports the command and runs it.
"""

from __future__ import annotations

import sys

from nst.pair import stopping


def main() -> int:
    """Run the command in `sys.argv` and return its exit status."""
    try:
        return _run(sys.argv[1:])
    except KeyboardInterrupt:  # also during imports, which are inside _run for that reason
        return 130
    finally:
        stopping.keep_exit_status()


def _run(arguments: list[str]) -> int:
    from pathlib import Path

    from nst.errors import NstError
    from nst.worker import client, protocol

    try:
        Path.cwd()  # torch crashes in a folder that was removed
    except OSError as error:
        print(f"nst: the working directory cannot be used ({error.strerror}); change to another one", file=sys.stderr)
        return 1
    if protocol.is_pair_command(arguments):
        stopping.interrupt_on_sigterm()  # a checkpoint is kept
    try:
        code = client.run(arguments) if client.should_use_worker(arguments) else None
    except NstError as error:
        print(f"nst: {error}", file=sys.stderr)
        return 1
    if code is None:
        from nst import cli

        try:
            code = cli.main(arguments)
        except Exception as error:
            code = cli.unexpected(error)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
