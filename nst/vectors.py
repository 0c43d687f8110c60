"""What L-BFGS does with whole pictures, in torch; `nst.kernels` has the same for a GPU, each in one pass over memory.

Vectors are (batch, n), numbers (batch,): a row a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor


def measure(
    x: Tensor, old_x: Tensor, gradient: Tensor, old: Tensor, smooth: Tensor, old_smooth: Tensor
) -> tuple[Tensor, Tensor]:
    """The change y of the gradient over a step s, and old·s, s·y and y·(change of smooth), (batch, 3)."""
    step, change = x - old_x, gradient - old
    sums = [(old * step).sum(1), (step * change).sum(1), (change * (smooth - old_smooth)).sum(1)]
    return change, torch.stack(sums, 1)


def take(
    pairs: Tensor,
    slot: Tensor,
    stored: Tensor,
    good: Tensor,
    new: tuple[Tensor, Tensor, Tensor],
    old: tuple[Tensor, Tensor, Tensor],
) -> None:
    """Put the changes of x and of smooth into pairs (batch, 2m, n) at slot and slot + m, and new over old.

    Args:
        new, old: x, gradient and smooth. stored, good: which rows the one and the other are done for.
    """
    rows, m = torch.arange(len(slot), device=slot.device), pairs.shape[1] // 2
    for at, which in ((slot, 0), (slot + m, 2)):
        pairs[rows, at] = torch.where(stored[:, None], new[which] - old[which], pairs[rows, at])
    for ours, theirs in zip(old, new, strict=True):
        torch.where(good[:, None], theirs, ours, out=ours)


def onto(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Products of all rows (batch, count, n) with a and with b: (batch, count, 2) float64."""
    both = torch.stack([a, b], 1)  # as columns in memory the product takes four times as long
    return torch.bmm(rows, both.mT).double()


def weigh(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """a·g, b·g, a·a, a·b and b·b, (batch, 5)."""
    return torch.stack([(one * other).sum(1) for one, other in ((a, g), (b, g), (a, a), (a, b), (b, b))], 1)


def mix(of_a: Tensor, a: Tensor, of_b: Tensor, b: Tensor, out: Tensor) -> None:
    """Write of_a·a + of_b·b; what is taken 0 times need not be finite."""
    parts = [torch.where(share[:, None] == 0, 0, share[:, None] * of) for share, of in ((of_a, a), (of_b, b))]
    torch.add(*parts, out=out)
