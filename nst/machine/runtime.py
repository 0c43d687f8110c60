"""How torch computes on a device: which one, in which type, by which algorithms, with how much memory."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nst.errors import NstError
from nst.machine import gpus
from nst.machine.cpu import cpu_has_bf16_units, keep_memory

if TYPE_CHECKING:
    import torch

#: For what threads of a worker do on a GPU, one at a time: judging takes memory and waits for all of the GPU, which
#: nobody may while a CUDA graph is recorded; and it is done by other algorithms, which the process, not a thread,
#: chooses. So the thread that stylizes holds it too, but not while it replays what it has recorded.
TURN = threading.RLock()
#: What is said of too little memory: by CUDA, by torch, by the system's loader of libraries, by oneDNN, and by Python.
_NO_MEMORY = (
    "out of memory", "DefaultCPUAllocator", "failed to map segment", "Cannot allocate memory",
    "could not create a primitive", "can't start new thread",
)  # fmt: skip


def torch_device(name: str) -> torch.device:
    """The torch device for auto, cuda, mps or cpu; NstError where this machine has none of that name.

    `auto` is cuda or cpu. It takes no CPU where there is a GPU that torch cannot use, for then all else is arranged for
    a GPU, and nobody would know why it takes so long.
    """
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        if not here["cuda"] and gpus.available() and gpus.listed():
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


def turn(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """TURN where the device is a GPU; elsewhere threads do not disturb each other."""
    return TURN if device.type == "cuda" else contextlib.nullcontext()


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


def set_up(device: torch.device, *, threads: int = 0, deterministic: bool = True) -> None:
    """Give torch its threads and choose algorithms; threads 0 leaves OMP_NUM_THREADS or the number of cores."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    # As use_deterministic_algorithms with warn_only, which imports the compiler for a setting of its own: seconds.
    torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads what it has not written
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it products are not deterministic
        with TURN:
            torch.backends.cudnn.benchmark = not deterministic
        torch.cuda.reset_peak_memory_stats(device)  # a worker's earlier pictures do not count
    if device.type == "cpu":
        keep_memory()


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no more memory, or address space: torch has no one exception for it."""
    return isinstance(error, MemoryError) or any(told in str(error) for told in _NO_MEMORY)


def no_address_space(error: BaseException) -> str:
    """What is said where memory ends while libraries are loaded, which no smaller picture would mend."""
    told = str(error).strip().partition("\n")[0] or type(error).__name__
    advice = "allow the process more (ulimit -v, the memory that a cluster's job asks for)"
    return f"too little memory, or address space ({told}); {advice}"


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
