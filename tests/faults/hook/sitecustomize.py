"""Python imports this at its start, where it is told to: it keeps a ledger of what was completed, and kills.

FAULTS_LEDGER: a file that gets a line with the name of the work folder for each optimization that is completed.
FAULTS_KILL, FAULTS_BELOW: the process is killed before its n-th change of the file system below a folder.
"""

import os
import signal
import sys
from pathlib import Path

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}


def changed(event, arguments):
    """The path that an audit event changes; '' for any other event."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return os.fsdecode(path) if writes and isinstance(path, (str, bytes, os.PathLike)) else ""
    if event not in _CHANGES:
        return ""
    path = arguments[1] if event in ("os.rename", "os.link", "os.symlink") else arguments[0]
    return os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""


def kill_before(number, below):
    """Kill this process before its n-th change below a folder; the changes, as far as it comes."""
    changes = []

    def hook(event, arguments):
        path = changed(event, arguments)
        if path and str(Path.cwd() / path).startswith(below):
            changes.append(path)
            if len(changes) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return changes


def keep_ledger(ledger):
    """Note each optimization that is completed: the record of a work folder takes its name."""

    def hook(event, arguments):
        if event == "os.rename" and os.fsdecode(arguments[1]).endswith("/run.json"):
            source, folder = map(os.path.dirname, map(os.fsdecode, arguments[:2]))
            if source == folder:  # no record that is published
                with Path(ledger).open("a") as file:
                    file.write(folder + "\n")

    sys.addaudithook(hook)


if os.environ.get("FAULTS_KILL"):  # first: who is killed before a change has not made it
    kill_before(int(os.environ["FAULTS_KILL"]), os.environ["FAULTS_BELOW"])
if os.environ.get("FAULTS_LEDGER"):
    keep_ledger(os.environ["FAULTS_LEDGER"])
