"""The vector operations of L-BFGS in torch; `nst.kernels.steps` has the same functions as Triton kernels.

Vectors are (batch, n), scalars (batch,): one row per image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nst.machine import runtime

#: A point x, its gradient g, and P·g, each (batch, n).
Point = tuple[Tensor, Tensor, Tensor]

#: Type of the stored pairs; None: that of the images.
PAIR_DTYPE = None


def secant_pair(x: Tensor, old_x: Tensor, gradient: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """Of the step s = x − old_x: the change y of the gradient, (batch, n), and the products old·s and s·y, (batch, 2).

    old: the gradient at old_x.
    """
    step, change = x - old_x, gradient - old
    return change, torch.stack([(old * step).sum(1), (step * change).sum(1)], 1)


def store_pair(pairs: Tensor, slot: Tensor, stored: Tensor, good: Tensor, new: Point, old: Point) -> None:
    """Store a step and its change of P·g in pairs (batch, 2m, n), at slot and slot + m; overwrite old with new.

    stored: (batch,), rows whose pair is stored. good: (batch,), rows whose old point is overwritten.
    """
    rows, m = torch.arange(len(slot), device=slot.device), pairs.shape[1] // 2
    for at, which in ((slot, 0), (slot + m, 2)):
        pairs[rows, at] = torch.where(stored[:, None], new[which] - old[which], pairs[rows, at])
    for ours, theirs in zip(old, new, strict=True):
        torch.where(good[:, None], theirs, ours, out=ours)


def row_dots(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Dot products of all rows (batch, count, n) with a and with b: (batch, count, 2), in the device's widest type."""
    both = torch.stack([a, b], 1)  # the product takes four times as long where a and b are columns in memory
    return torch.bmm(rows, both.mT).to(runtime.widest(rows.device))


def combine(weights: Tensor, rows: Tensor) -> Tensor:
    """Weighted sum of the rows (batch, count, n), (batch, n); weights: (batch, count)."""
    return torch.bmm(weights.unsqueeze(1), rows).squeeze(1)


def dots(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """The dot products a·g, b·g, a·a, a·b and b·b, (batch, 5)."""
    return torch.stack([(one * other).sum(1) for one, other in ((a, g), (b, g), (a, a), (a, b), (b, b))], 1)


def axpby(factor_a: Tensor, a: Tensor, factor_b: Tensor, b: Tensor, out: Tensor) -> None:
    """Write factor_a·a + factor_b·b to out; a vector with the factor 0 need not be finite."""
    terms = [torch.where(f[:, None] == 0, 0, f[:, None] * vector) for f, vector in ((factor_a, a), (factor_b, b))]
    torch.add(*terms, out=out)


def solve(products: Tensor, gradient_dots: Tensor, count: Tensor, gamma_factor: float) -> tuple[Tensor, Tensor]:
    """Weights of the stored vectors, and γ, in H·g (Byrd, Nocedal & Schnabel 1994, equation 3.1, with H₀ = γ·P).

    Args:
        products: (batch, 2m, m) float64, dot products of [S; P·Y] with Y.
        gradient_dots: (batch, 2m), dot products of [S; P·Y] with g.
        count: (batch,), pairs stored so far; the next slot is count % m.
        gamma_factor: factor of γ, see `LBFGS.GAMMA_FACTOR`.
    Returns:
        weights (batch, 2m) and γ (batch,): H·g = γ·P·g + Σ weights · [S; P·Y]. γ is `gamma_factor` times the geometric
        mean of sᵀy / yᵀP·y over the stored pairs. Nocedal & Wright (equation 7.20) use the newest pair alone: its value
        changes by a factor of 3 from one step to the next.
    """
    m = products.shape[2]
    age = torch.arange(m, device=count.device)
    order = torch.where(count[:, None] >= m, (count[:, None] + age) % m, age)  # oldest first
    live = age < count[:, None]
    both = torch.cat([order, order + m], 1)
    gradient_dots = gradient_dots.gather(1, both) * live.repeat(1, 2)
    inner = products.gather(1, both[:, :, None].expand(-1, -1, m))
    inner = inner.gather(2, order[:, None].expand(-1, 2 * m, -1))
    weights, gamma = _compact(inner, gradient_dots, live, gamma_factor)
    return torch.zeros_like(gradient_dots).scatter(1, both, weights), gamma


def _compact(inner: Tensor, gradient_dots: Tensor, live: Tensor, gamma_factor: float) -> tuple[Tensor, Tensor]:
    """As `solve`, with the vectors ordered from the oldest to the newest; live: (batch, m), the slots in use."""
    m = live.shape[1]
    mask = live[:, :, None] & live[:, None, :]
    identity = torch.eye(m, dtype=inner.dtype, device=inner.device)
    sy = torch.where(mask, inner[:, :m], identity)
    yy = torch.where(mask, inner[:, m:], 0)
    d, y2 = sy.diagonal(dim1=1, dim2=2), yy.diagonal(dim1=1, dim2=2)
    usable = live & (d > 0) & (y2 > 0)
    logs = torch.where(usable, d / torch.where(usable, y2, 1), 1).log()
    gamma = torch.where(usable.any(1), gamma_factor * (logs.sum(1) / usable.sum(1).clamp_min(1)).exp(), 1)
    r = sy.triu()
    a, b = gradient_dots[:, :m, None], gradient_dots[:, m:, None]
    u = torch.linalg.solve_triangular(r, a, upper=True)
    right = d[:, :, None] * u + gamma[:, None, None] * (yy @ u - b)
    s_weights = torch.linalg.solve_triangular(r.mT, right, upper=False)
    weights = torch.cat([s_weights, -gamma[:, None, None] * u], 1).squeeze(2)
    return torch.where(live.repeat(1, 2), weights, 0), gamma
