"""Torch's configuration: device, compute type, algorithms, threads and memory."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nst.errors import NstError, reason_of
from nst.machine import DEVICES, gpus
from nst.machine.cpu import cpu_has_bf16_units, cpuinfo, keep_memory

if TYPE_CHECKING:
    import torch

#: Held by the thread of a worker that computes on a GPU. While a CUDA graph is being captured, no other thread may
#: allocate GPU memory or synchronize. And the reference metrics use other algorithms, which torch sets per process, not
#: per thread. Replaying a graph needs no lock.
GPU_LOCK = threading.RLock()
#: Parts of messages on too little memory: of CUDA, torch, the dynamic linker, oneDNN, and Python.
_NO_MEMORY = (
    "out of memory", "DefaultCPUAllocator", "failed to map segment", "Cannot allocate memory",
    "could not create a primitive", "can't start new thread",
)  # fmt: skip


def torch_device(name: str) -> torch.device:
    """The torch device for auto, cuda, mps or cpu; `auto` is cuda where there is an NVIDIA GPU, else cpu.

    Raises NstError where the device is missing. Also for `auto` where torch cannot use the machine's GPU: falling back
    to the CPU would take many times as long without a visible reason.
    """
    import torch

    is_available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        if not is_available["cuda"] and gpus.available() and gpus.listed():
            built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs only"
            raise NstError(
                f"torch cannot use this machine's NVIDIA GPU: it was built for {built}; install a build of torch for "
                "the GPU's driver, or use --device cpu"
            )
        name = "cuda" if is_available["cuda"] else "cpu"
    if name not in is_available:
        raise NstError(f"device {name!r} is not known; use {', '.join(DEVICES)}")
    if not is_available[name]:
        raise NstError(f"device {name}: torch finds none on this machine; use --device cpu or auto")
    return torch.device(name)


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device has units for bf16 matrices: NVIDIA GPUs since Ampere, CPUs with AMX or AVX512-BF16."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and cpu_has_bf16_units()


def widest(device: torch.device) -> torch.dtype:
    """The widest floating-point type of the device: float64, on Apple's GPUs float32."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64


def compute_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of activations and weights by the setting `precision` (auto, bf16 or fp32); auto: by the hardware."""
    import torch

    if precision == "auto":
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def gpu_lock(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """GPU_LOCK for a CUDA GPU, else a context without effect."""
    return GPU_LOCK if device.type == "cuda" else contextlib.nullcontext()


def tf32_products(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """While the context lasts, a CUDA GPU multiplies float32 matrices in TF32 (11 bits), which is many times faster."""
    import torch

    if device.type != "cuda":
        return contextlib.nullcontext()
    return _configured(torch.backends.cuda.matmul, fp32_precision="tf32")


def exact_convolutions() -> contextlib.AbstractContextManager[None]:
    """While the context lasts, cuDNN's convolutions are in full float32 and deterministic, as the metrics require."""
    import torch

    return _configured(torch.backends.cudnn, benchmark=False, deterministic=True, allow_tf32=False)


@contextlib.contextmanager
def _configured(library: Any, **values: Any) -> Iterator[None]:
    """Change settings of a library for the whole process while the context lasts; therefore holds GPU_LOCK."""
    with GPU_LOCK:
        before = {name: getattr(library, name) for name in values}
        try:
            for name, value in values.items():
                setattr(library, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(library, name, value)


def set_up(device: torch.device, *, threads: int = 0, deterministic: bool = True) -> None:
    """Set torch's threads and algorithms for a run; threads 0 keeps the default: OMP_NUM_THREADS, or all cores."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    # Equivalent to use_deterministic_algorithms with warn_only, which also imports torch's compiler: seconds.
    torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # no code here reads uninitialized memory
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for deterministic products
        with GPU_LOCK:
            torch.backends.cudnn.benchmark = not deterministic
            torch.backends.cudnn.allow_tf32 = False  # torch's default, with 11 bits, would be no `precision: fp32`
        torch.cuda.reset_peak_memory_stats(device)  # leaves out earlier images of a worker
    if device.type == "cpu":
        keep_memory()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means too little memory or address space; torch has no single exception type for it."""
    return isinstance(error, MemoryError) or any(part in str(error) for part in _NO_MEMORY)


def no_address_space(error: BaseException) -> str:
    """The message for too little memory while libraries are loaded, where a smaller image would not help."""
    advice = "allow the process more (ulimit -v, or the memory that the cluster job requests)"
    return f"too little memory or address space ({reason_of(error)}); {advice}"


def peak_memory(device: torch.device) -> dict[str, float]:
    """Peak memory so far in MB: `peak_memory_mb` of the process, `peak_gpu_memory_mb` of torch on a CUDA GPU."""
    import torch

    peaks: dict[str, float] = {}
    with contextlib.suppress(ImportError):
        import resource

        scale = 1 if platform.system() == "Darwin" else 1024  # ru_maxrss is in bytes on macOS, else in kB
        peaks["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)
    if device.type == "cuda":
        peaks["peak_gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    return peaks


def conditions(device: torch.device) -> dict[str, float]:
    """Values for the run record: `threads`, `deterministic` (whether algorithms are), and `peak_memory`."""
    import torch

    deterministic = torch.are_deterministic_algorithms_enabled()
    return {"threads": torch.get_num_threads(), "deterministic": deterministic, **peak_memory(device)}


def name(device: torch.device) -> str:
    """The hardware's name of a device, such as the model of the CPU."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = cpuinfo("model name") if device.type == "cpu" else ""
    return model or platform.processor() or platform.machine()
