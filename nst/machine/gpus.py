"""Which GPUs there are, and which of them this process holds: found out without torch."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nst.errors import NstError
from nst.io.files import replacing
from nst.io.waiting import announced
from nst.machine.private import private_folder

#: Seconds for which the answer of nvidia-smi, which takes up to a second, is believed.
LISTED = 600.0
#: The GPU that this process keeps for life.
_mine = ""


def available() -> list[str]:
    """Identifiers of the NVIDIA GPUs that this process may use, without importing torch or touching a GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return listed()
    names = [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if not any(map(str.isdigit, names)):
        return names
    here = listed()  # one GPU has one name, whatever a shell calls it: by that it is locked
    return [here[int(name)] if name.isdigit() and int(name) < len(here) else name for name in names]


def listed() -> list[str]:
    """The UUIDs of the GPUs that nvidia-smi knows."""
    if not shutil.which("nvidia-smi"):
        return []
    known = private_folder() / "gpus"
    with contextlib.suppress(OSError):
        if time.time() - known.stat().st_mtime < LISTED:
            return known.read_text().split()
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, check=False)
    found = listed.stdout.split() if listed.returncode == 0 else []
    with contextlib.suppress(NstError):
        if found:
            with replacing(known) as file:
                file.write_text("\n".join(found))
    return found


@contextlib.contextmanager
def exclusive_gpu(
    device: str, *, when_busy: Callable[[], object] = lambda: None, poll: float = 0.5
) -> Iterator[str | None]:
    """Hold one GPU for this process while the context lasts: the first that no other nst process holds.

    Sets CUDA_VISIBLE_DEVICES, so call it before torch is imported; a process that waits holds neither. Yields the
    GPU's identifier, or None where `device` asks for no CUDA GPU or there is none.
    """
    found = available() if device in ("auto", "cuda") else []
    if found and _mine:
        yield _mine
        return
    if not found:
        if device == "cuda":
            raise NstError("device cuda: this machine shows no NVIDIA GPU; use --device cpu, or auto")
        yield None
        return
    with announced(f"a GPU: other nst processes use {', '.join(found)}"):
        gpu, held = _first_free(found, when_busy, poll)
    with held:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        try:
            yield gpu
        finally:
            _free_memory()


def _first_free(
    found: list[str], when_busy: Callable[[], object], poll: float
) -> tuple[str, contextlib.AbstractContextManager[object]]:
    """The first of these GPUs that no other process holds, held until the context that comes with it ends."""
    from filelock import FileLock, Timeout

    locks = {gpu: FileLock(_lock_file(gpu)) for gpu in found}
    asked = False
    while True:
        for gpu, lock in locks.items():
            with contextlib.suppress(Timeout):
                return gpu, lock.acquire(timeout=0)
        if not asked:
            asked = True
            when_busy()
        time.sleep(poll)


@contextlib.contextmanager
def own_gpu(gpu: str, patience: float) -> Iterator[None]:
    """Hold a GPU while the context lasts; `exclusive_gpu` then gives it to every thread of this process.

    Raises filelock.Timeout where another process holds it for longer than `patience` seconds.
    """
    from filelock import FileLock

    global _mine
    with FileLock(_lock_file(gpu), timeout=patience):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        _mine = gpu
        try:
            yield
        finally:
            _mine = ""


def _lock_file(gpu: str) -> Path:
    return private_folder() / f"gpu-{gpu.replace('/', '_')}.lock"


def _free_memory() -> None:
    """Give the GPU's memory that torch keeps for later back, where torch has used a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):  # what cannot be given back costs no finished picture
            torch.cuda.empty_cache()
