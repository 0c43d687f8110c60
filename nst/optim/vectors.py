"""What L-BFGS does with whole images, in torch; `nst.kernels.steps` does each in one pass over a GPU's memory.

Vectors are (batch, n), numbers (batch,): a row a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nst.machine import runtime

#: A point, the gradient there, and P·g of it.
Point = tuple[Tensor, Tensor, Tensor]

#: How the steps that L-BFGS remembers are stored: like the pictures.
REMEMBERED = None


def measure(x: Tensor, old_x: Tensor, gradient: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """The change y of the gradient over a step s, and old·s and s·y, (batch, 2)."""
    step, change = x - old_x, gradient - old
    return change, torch.stack([(old * step).sum(1), (step * change).sum(1)], 1)


def take(pairs: Tensor, slot: Tensor, stored: Tensor, good: Tensor, new: Point, old: Point) -> None:
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
    """Products of all rows (batch, count, n) with a and with b: (batch, count, 2), in the widest type."""
    both = torch.stack([a, b], 1)  # as columns in memory the product takes four times as long
    return torch.bmm(rows, both.mT).to(runtime.widest(rows.device))


def combine(weights: Tensor, rows: Tensor) -> Tensor:
    """The rows (batch, count, n) by their weights (batch, count), (batch, n)."""
    return torch.bmm(weights.unsqueeze(1), rows).squeeze(1)


def weigh(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """a·g, b·g, a·a, a·b and b·b, (batch, 5)."""
    return torch.stack([(one * other).sum(1) for one, other in ((a, g), (b, g), (a, a), (a, b), (b, b))], 1)


def mix(of_a: Tensor, a: Tensor, of_b: Tensor, b: Tensor, out: Tensor) -> None:
    """Write of_a·a + of_b·b; what is taken 0 times need not be finite."""
    parts = [torch.where(share[:, None] == 0, 0, share[:, None] * of) for share, of in ((of_a, a), (of_b, b))]
    torch.add(*parts, out=out)


def solve(products: Tensor, dots: Tensor, count: Tensor, boldness: float) -> tuple[Tensor, Tensor]:
    """Weights of the stored vectors and of P·g in H·g (Byrd, Nocedal & Schnabel 1994, equation 3.1, H₀ = γ·P).

    Args:
        products: (batch, 2m, m) float64 of the vectors [S; P·Y] with Y. dots: (batch, 2m), of [S; P·Y] with g.
        count: (batch,), vectors that have been stored so far: the next one's place is count % m.
    Returns:
        weights (batch, 2m) and γ (batch,): H·g = γ·P·g + Σ weights · [S; P·Y]. γ is `boldness` times the geometric mean
        of sᵀy / yᵀP·y: of the newest step alone, as is usual (Nocedal & Wright, equation 7.20), it goes up and down by
        a factor of 3 from one step to the next.
    """
    m = products.shape[2]
    age = torch.arange(m, device=count.device)
    order = torch.where(count[:, None] >= m, (count[:, None] + age) % m, age)  # oldest first
    live = age < count[:, None]
    both = torch.cat([order, order + m], 1)
    dots = dots.gather(1, both) * live.repeat(1, 2)
    inner = products.gather(1, both[:, :, None].expand(-1, -1, m))
    inner = inner.gather(2, order[:, None].expand(-1, 2 * m, -1))
    weights, gamma = _compact(inner, dots, live, boldness)
    return torch.zeros_like(dots).scatter(1, both, weights), gamma


def _compact(inner: Tensor, dots: Tensor, live: Tensor, boldness: float) -> tuple[Tensor, Tensor]:
    """As `solve`, of vectors with the oldest first; live: (batch, m), which are stored."""
    m = live.shape[1]
    mask = live[:, :, None] & live[:, None, :]
    identity = torch.eye(m, dtype=inner.dtype, device=inner.device)
    sy = torch.where(mask, inner[:, :m], identity)
    yy = torch.where(mask, inner[:, m:], 0)
    d, y2 = sy.diagonal(dim1=1, dim2=2), yy.diagonal(dim1=1, dim2=2)
    known = live & (d > 0) & (y2 > 0)
    logs = torch.where(known, d / torch.where(known, y2, 1), 1).log()
    gamma = torch.where(known.any(1), boldness * (logs.sum(1) / known.sum(1).clamp_min(1)).exp(), 1)
    r = sy.triu()
    a, b = dots[:, :m, None], dots[:, m:, None]
    u = torch.linalg.solve_triangular(r, a, upper=True)
    right = d[:, :, None] * u + gamma[:, None, None] * (yy @ u - b)
    s_weights = torch.linalg.solve_triangular(r.mT, right, upper=False)
    weights = torch.cat([s_weights, -gamma[:, None, None] * u], 1).squeeze(2)
    return torch.where(live.repeat(1, 2), weights, 0), gamma
