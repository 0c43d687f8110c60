"""Environment variables that tell the commands of a process whether to use workers. Standard library only."""

from __future__ import annotations

import os


def set_worker_owner(mode: str) -> None:
    """Make workers started by this process's commands stop when it ends. `mode`: auto, yes or no, as NST_WORKER."""
    os.environ["NST_WORKER_OWNER"] = str(os.getpid())
    if mode != "auto":
        os.environ["NST_WORKER"] = mode
