"""A folder for locks and sockets that no other user can enter."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from nst.errors import NstError


def allocation() -> str:
    """The ID of the Slurm job that this process is part of; '' outside of one."""
    return os.environ.get("SLURM_JOB_ID", "")


def private_folder() -> Path:
    """A folder for locks and sockets that only this user can enter, created if missing.

    Each Slurm job has its own, because GPUs and processes belong to one job. Raises NstError where the folder cannot be
    created, belongs to another user, or is accessible to others.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        folder = Path(tempfile.gettempdir()) / "-".join(filter(None, ("nst", str(user), allocation())))
        with contextlib.suppress(FileExistsError):  # a file of this name is refused below
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        raise NstError(f"cannot create a folder for locks ({error}); set TMPDIR to a folder of your own") from None
    closed = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    if not closed or not folder.is_dir():
        raise NstError(f"{folder} is open to other users; remove it or set TMPDIR to a folder of your own")
    return folder
