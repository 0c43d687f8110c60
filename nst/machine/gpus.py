"""The machine's NVIDIA GPUs, and locks by which each is used by one nst process at a time. Does not import torch."""

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

#: Seconds for which the list of GPUs is cached: nvidia-smi takes up to a second.
LIST_SECONDS = 600.0
#: Seconds between two calls of `when_busy`.
ASK_EVERY = 5.0
#: The GPU that this process holds by `own_gpu`; '' for none.
_held_gpu = ""


def available() -> list[str]:
    """Identifiers of the NVIDIA GPUs that this process may use, by CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return listed()
    names = [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if not any(map(str.isdigit, names)):
        return names
    all_gpus = listed()  # locks are by UUID, so an index is replaced by it
    return [all_gpus[int(name)] if name.isdigit() and int(name) < len(all_gpus) else name for name in names]


def for_device(device: str) -> list[str]:
    """The GPUs of which a command with this `--device` uses one; [] if it runs elsewhere."""
    return available() if device in ("auto", "cuda") else []


def listed() -> list[str]:
    """The UUIDs of all NVIDIA GPUs, from nvidia-smi; empty where there is none."""
    if not shutil.which("nvidia-smi"):
        return []
    cached = private_folder() / "gpus"
    with contextlib.suppress(OSError):
        if time.time() - cached.stat().st_mtime < LIST_SECONDS:
            return cached.read_text().split()
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    gpus = answer.stdout.split() if answer.returncode == 0 else []
    if gpus:
        with contextlib.suppress(NstError), replacing(cached) as file:
            file.write_text("\n".join(gpus))
    return gpus


@contextlib.contextmanager
def exclusive_gpu(
    device: str, *, when_busy: Callable[[list[str]], object] = lambda gpus: None, poll: float = 0.5
) -> Iterator[str | None]:
    """Lock one GPU for this process while the context lasts: the first that no other nst process holds.

    Sets CUDA_VISIBLE_DEVICES. Enter it before importing torch, so that a waiting process uses neither memory nor a GPU.

    Args:
        device: auto, cuda, mps or cpu. when_busy: called with the GPUs every few seconds while all are in use.
        poll: seconds between two attempts.
    Yields:
        the GPU's identifier; None where `device` is mps or cpu, or is auto and there is no GPU.
    Raises:
        NstError: `device` is cuda and there is no GPU.
    """
    gpus = for_device(device)
    if gpus and _held_gpu:
        yield _held_gpu
        return
    if not gpus:
        if device == "cuda":
            raise NstError("device cuda: no NVIDIA GPU is visible; use --device cpu or auto")
        yield None
        return
    with announced(f"a GPU: other nst processes use {', '.join(gpus)}"):
        gpu, lock = _first_free(gpus, when_busy, poll)
    with lock:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        try:
            yield gpu
        finally:
            _free_memory()


def _first_free(
    gpus: list[str], when_busy: Callable[[list[str]], object], poll: float
) -> tuple[str, contextlib.AbstractContextManager[object]]:
    """The first of these GPUs that no other process holds, and the context of its lock."""
    from filelock import FileLock, Timeout

    locks = {gpu: FileLock(_lock_file(gpu)) for gpu in gpus}
    next_call = time.monotonic()
    while True:
        for gpu, lock in locks.items():
            with contextlib.suppress(Timeout):
                return gpu, lock.acquire(timeout=0)
        if time.monotonic() >= next_call:  # again, because another process may be first to take a freed GPU
            when_busy(gpus)
            next_call = time.monotonic() + ASK_EVERY
        time.sleep(poll)


@contextlib.contextmanager
def own_gpu(gpu: str, patience: float) -> Iterator[None]:
    """Lock a GPU while the context lasts; `exclusive_gpu` then yields it to every thread of this process.

    Raises filelock.Timeout where another process holds it for more than `patience` seconds.
    """
    from filelock import FileLock

    global _held_gpu
    with FileLock(_lock_file(gpu), timeout=patience):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        _held_gpu = gpu
        try:
            yield
        finally:
            _held_gpu = ""


def _lock_file(gpu: str) -> Path:
    return private_folder() / f"gpu-{gpu.replace('/', '_')}.lock"


def _free_memory() -> None:
    """Release the GPU memory that torch caches, if torch has used a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):  # a failure here must not discard a finished image
            torch.cuda.empty_cache()
