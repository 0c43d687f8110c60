"""The command `nst`, also where it is not on the path: `python -m nst`.

A command for one pair goes to a warm worker where there is one to be had; only else are the packages imported that
read its arguments.
"""

from __future__ import annotations

import sys

from nst.pair import stopping


def main() -> int:
    """Run the command of the command line; its exit status."""
    try:
        return _run(sys.argv[1:])
    except KeyboardInterrupt:  # also while modules are imported, which is why they are imported here
        return 130
    finally:
        stopping.keep_exit_status()


def _run(arguments: list[str]) -> int:
    from pathlib import Path

    from nst.errors import NstError
    from nst.worker import client, protocol

    try:
        Path.cwd()  # torch dies of a folder that has been removed
    except OSError as error:
        print(f"nst: the working folder cannot be used ({error.strerror}); change to another one", file=sys.stderr)
        return 1
    if arguments[:1] in [[name] for name in protocol.COMMANDS]:
        stopping.interrupt_on_sigterm()  # what has been done is kept
    try:
        code = client.run(arguments) if client.wanted(arguments) else None
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
