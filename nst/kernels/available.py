"""Whether the kernels can be used on a device."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import torch

log = logging.getLogger(__name__)


def kernels_for(device: torch.device) -> ModuleType | None:
    """`nst.kernels.gpu` for a CUDA GPU; None elsewhere, and where Triton cannot build them, which is logged once."""
    return _kernels() if device.type == "cuda" else None


@cache
def _kernels() -> ModuleType | None:
    if torch.version.hip or torch.cuda.get_device_capability() < (8, 0):  # they are in bf16
        return None
    try:
        from nst.kernels import gpu as kernels

        kernels.weigh(*torch.zeros(3, 1, 16, device="cuda"))
    except Exception as error:  # there is no Triton, or no C compiler, of which it tells in many ways
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        log.warning("kernels for this GPU cannot be built (%s); it does without, which takes longer", reason)
        return None
    return kernels
