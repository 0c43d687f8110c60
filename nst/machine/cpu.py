"""What this machine's CPU can do, and how its memory is kept: without torch."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from functools import cache
from pathlib import Path

#: Threads of one image: more than any machine has cores, and no more than any machine can start.
MOST_THREADS = 1024


def cpu_has_bf16_units() -> bool:
    """Whether this machine's CPU has AMX or AVX512-BF16."""
    return not cpu_flags().isdisjoint({"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """What this machine's CPU can do, by Linux's names; known only of Linux on x86-64."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return frozenset()
    return frozenset(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())


def keep_memory() -> None:
    """Have glibc keep freed memory for the next iteration.

    By default each large activation is mapped anew and returned at once, at a page fault every 4 kB. Does nothing
    where the C library is another one.
    """
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, -1)
        mallopt(m_top_pad, 64 << 20)
