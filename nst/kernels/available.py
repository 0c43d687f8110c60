"""Whether the kernels can be used on a device."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import torch

from nst.errors import reason_of

log = logging.getLogger(__name__)


def kernels_for(device: torch.device) -> ModuleType | None:
    """`nst.kernels.gpu` for a CUDA GPU, else None. None also where Triton cannot build the kernels (logged once)."""
    return _kernels() if device.type == "cuda" else None


@cache
def _kernels() -> ModuleType | None:
    if torch.version.hip or torch.cuda.get_device_capability() < (8, 0):  # the kernels need bf16 units
        return None
    try:
        from nst.kernels import gpu as kernels

        kernels.dots(*torch.zeros(3, 1, 16, device="cuda"))
    except Exception as error:  # without Triton or a C compiler; the type of the exception differs by version
        log.warning(
            "the Triton kernels cannot be built (%s); continuing without them, which is slower", reason_of(error)
        )
        return None
    return kernels
