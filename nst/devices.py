"""Which device paints: chosen and kept exclusive without torch, then set up for torch."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nst.errors import NstError
from nst.files import replacing
from nst.waiting import announced

if TYPE_CHECKING:
    import torch


log = logging.getLogger(__name__)

#: Threads of one image: more than any machine has cores, and no more than any machine can start.
MOST_THREADS = 1024

#: Seconds for which the answer of nvidia-smi, which takes up to a second, is believed.
LISTED = 600.0

#: For what threads of a worker do on a GPU, one at a time: judging takes memory and waits for all of the GPU, which
#: nobody may while a CUDA graph is recorded; and it is done by other algorithms, which the process, not a thread,
#: chooses. So the thread that paints holds it too, but not while it replays what it has recorded.
TURN = threading.RLock()

#: The GPU that this process keeps for life.
_mine = ""


def gpus() -> list[str]:
    """Identifiers of the NVIDIA GPUs that this process may use, without importing torch or touching a GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return _listed()
    names = [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if not any(map(str.isdigit, names)):
        return names
    here = _listed()  # one GPU has one name, whatever a shell calls it: by that it is locked
    return [here[int(name)] if name.isdigit() and int(name) < len(here) else name for name in names]


def _listed() -> list[str]:
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
def exclusive_gpu(device: str, poll: float = 0.5) -> Iterator[str | None]:
    """Hold one GPU for this process while the context lasts: the first that no other nst process holds.

    Sets CUDA_VISIBLE_DEVICES, so call it before torch is imported; a process that waits holds neither. Yields the
    GPU's identifier, or None where `device` asks for no CUDA GPU or there is none.
    """
    found = gpus() if device in ("auto", "cuda") else []
    if found and _mine:
        yield _mine
        return
    if not found:
        if device == "cuda":
            raise NstError("device cuda: this machine shows no NVIDIA GPU; use --device cpu, or auto")
        yield None
        return
    with announced(f"a GPU: other nst processes use {', '.join(found)}"):
        gpu, held = _first_free(found, poll)
    with held:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        try:
            yield gpu
        finally:
            _free_memory()


def _first_free(found: list[str], poll: float) -> tuple[str, contextlib.AbstractContextManager[object]]:
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
            from nst.worker import client

            client.ask(leave=True)  # a worker that is idle, or at the end of what it is at
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


def allocation() -> str:
    """The number of the cluster's job that this process is part of; '' outside of one."""
    return os.environ.get("SLURM_JOB_ID", "")


def private_folder() -> Path:
    """A folder for locks and sockets that only this user can enter; refused where others have made or opened it.

    Each job of a cluster has its own: its GPUs are nobody else's, and its processes end with it.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        folder = Path(tempfile.gettempdir()) / "-".join(filter(None, ("nst", str(user), allocation())))
        with contextlib.suppress(FileExistsError):  # perhaps it is no folder
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise NstError(f"no folder for locks can be made ({error}); set TMPDIR to a folder of your own") from None
    closed = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if not closed or not folder.is_dir():
        raise NstError(f"{folder} is open to other users; remove it or set TMPDIR to a folder of your own")
    return folder


def torch_device(name: str) -> torch.device:
    """The torch device for auto, cuda, mps or cpu; NstError where this machine has none of that name.

    `auto` is cuda or cpu. It takes no CPU where there is a GPU that torch cannot use, for then all else is arranged for
    a GPU, and nobody would know why it takes so long.
    """
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        if not here["cuda"] and gpus() and _listed():
            built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs only"
            raise NstError(
                f"this machine has an NVIDIA GPU that torch cannot use: torch was built for {built}; install one that "
                "suits the GPU's driver, or use --device cpu"
            )
        name = "cuda" if here["cuda"] else "cpu"
    if not here[name]:
        raise NstError(f"device {name}: torch finds none on this machine; use --device cpu, or auto")
    return torch.device(name)


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices: NVIDIA GPUs since Ampere, CPUs with AMX or AVX512-BF16."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and cpu_has_bf16_units()


def cpu_has_bf16_units() -> bool:
    """Whether this machine's CPU has AMX or AVX512-BF16."""
    return not cpu_flags().isdisjoint({"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """What this machine's CPU can do, by Linux's names; known only of Linux on x86-64."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return frozenset()
    return frozenset(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())


def widest(device: torch.device) -> torch.dtype:
    """The type for a few numbers that rounding must not spoil: Apple's GPUs have no float64."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64


def compute_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of activations and weights: what `precision` asks for, or by the hardware."""
    import torch

    if precision == "auto":
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def kernels(device: torch.device) -> ModuleType | None:
    """`nst.kernels` for a CUDA GPU; None elsewhere, and where Triton cannot build them, of which the log tells once."""
    return _kernels() if device.type == "cuda" else None


def turn(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """TURN where the device is a GPU; elsewhere threads do not disturb each other."""
    return TURN if device.type == "cuda" else contextlib.nullcontext()


@cache
def _kernels() -> ModuleType | None:
    import torch

    if torch.version.hip or torch.cuda.get_device_capability() < (8, 0):  # they are in bf16
        return None
    try:
        from nst import kernels

        kernels.weigh(*torch.zeros(3, 1, 16, device="cuda"))
    except Exception as error:  # there is no Triton, or no C compiler, of which it tells in many ways
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        log.warning("kernels for this GPU cannot be built (%s); it does without, which takes longer", reason)
        return None
    return kernels


@contextlib.contextmanager
def quick_products(device: torch.device) -> Iterator[None]:
    """Have a GPU multiply float32 matrices by their first 11 bits while the context lasts, at many times the speed.

    The choice is the process's, so nobody judges meanwhile.
    """
    import torch

    if device.type != "cuda":
        yield
        return
    with TURN:
        before = torch.backends.cuda.matmul.fp32_precision
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        try:
            yield
        finally:
            torch.backends.cuda.matmul.fp32_precision = before


@contextlib.contextmanager
def exact_convolutions() -> Iterator[None]:
    """Have a GPU convolve with all bits of float32, and by the same algorithm each time, for who measures pictures.

    The choice is the process's, so nobody looks for the fastest algorithms meanwhile.
    """
    import torch

    library, chosen = torch.backends.cudnn, {"benchmark": False, "deterministic": True, "allow_tf32": False}
    with TURN:
        before = {name: getattr(library, name) for name in chosen}
        try:
            for name, value in chosen.items():
                setattr(library, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(library, name, value)


def keep_memory() -> None:
    """Have glibc keep freed memory for the next evaluation.

    By default each large activation is mapped anew and returned at once, at a page fault every 4 kB. Does nothing
    where the C library is another one.
    """
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, -1)
        mallopt(m_top_pad, 64 << 20)


def set_up(device: torch.device, *, threads: int = 0, deterministic: bool = True) -> None:
    """Give torch its threads and choose algorithms; threads 0 leaves OMP_NUM_THREADS or the number of cores."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads what it has not written
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it products are not deterministic
        with TURN:
            torch.backends.cudnn.benchmark = not deterministic
        torch.cuda.reset_peak_memory_stats(device)  # a worker's earlier pictures do not count
    if device.type == "cpu":
        keep_memory()


#: What is said of too little memory: by CUDA, by torch, by the system's loader of libraries, and by oneDNN.
_NO_MEMORY = (
    "out of memory", "DefaultCPUAllocator", "failed to map segment", "Cannot allocate memory",
    "could not create a primitive",
)  # fmt: skip


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no more memory, or address space: torch has no one exception for it."""
    return isinstance(error, MemoryError) or any(told in str(error) for told in _NO_MEMORY)


def _free_memory() -> None:
    """Give the GPU's memory that torch keeps for later back, where torch has used a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):  # what cannot be given back costs no finished picture
            torch.cuda.empty_cache()


def peak_memory(device: torch.device) -> dict[str, float]:
    """The most memory held so far, in MB: `peak_memory_mb` of the process, `peak_gpu_memory_mb` where there is one."""
    import torch

    peaks: dict[str, float] = {}
    with contextlib.suppress(ImportError):
        import resource

        scale = 1 if platform.system() == "Darwin" else 1024  # ru_maxrss is in bytes there, in kB elsewhere
        peaks["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)
    if device.type == "cuda":
        peaks["peak_gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    return peaks


def conditions(device: torch.device) -> dict[str, float]:
    """What a run record says of the process: threads, deterministic algorithms or not, and the most memory held."""
    import torch

    orderly = torch.are_deterministic_algorithms_enabled()
    return {"threads": torch.get_num_threads(), "deterministic": orderly, **peak_memory(device)}


def name(device: torch.device) -> str:
    """The hardware's own name of a device."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if device.type == "cpu" and cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        return lines[0].partition(": ")[2] if lines else platform.processor()
    return platform.processor() or platform.machine()
