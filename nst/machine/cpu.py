"""Features of the CPU and the allocation of memory. Does not import torch."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from functools import cache
from pathlib import Path

#: Upper bound of the setting `threads`: more than machines have cores, few enough to be started anywhere.
MAX_THREADS = 1024


def cpu_has_bf16_units() -> bool:
    """Whether this machine's CPU has AMX or AVX512-BF16."""
    return not cpu_flags().isdisjoint({"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """The CPU's features by Linux's names, such as amx_bf16; empty except on Linux on x86-64."""
    return frozenset(cpuinfo("flags").split() if platform.machine() == "x86_64" else ())


def cpuinfo(field: str) -> str:
    """A field of the first core in Linux's /proc/cpuinfo, such as `model name`; '' where it is missing."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text().partition(field)[2].partition("\n")[0].partition(":")[2].strip()
    return ""


def keep_memory() -> None:
    """Configure glibc to keep freed memory for the next iteration. Without glibc this has no effect.

    By default every large activation is mapped and unmapped again, which costs a page fault per 4 kB.
    """
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, -1)
        mallopt(m_top_pad, 64 << 20)
