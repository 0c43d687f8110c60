"""L-BFGS with one iteration a step, for gradients with rounding noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nst.kernels import available
from nst.machine import runtime
from nst.optim import vectors
from nst.optim.base import Stateful


class LBFGS(Stateful):
    """Limited-memory BFGS with one iteration a step (Nocedal & Wright, Numerical Optimization, chapter 7.2).

    The inverse Hessian is applied in compact matrix form (Byrd, Nocedal & Schnabel 1994, equation 3.1): two products
    with the tall matrix of stored steps in place of 4·m dot products. A step is taken at full length; it is kept when
    the value falls enough against the worst of the last few (Grippo, Lampariello & Lucidi 1986), which lets the
    rounding noise of 16-bit gradients pass, and is shortened otherwise.

    Args:
        x: (batch, n) starting points, float32 or float64.
        precondition: P, a symmetric positive definite linear map of (batch, n); H₀ = γ·P is the inverse Hessian that
            the remembered steps correct. The identity where None.
        memory: m, steps that are remembered.
        learning_rate: length of a full step.
        first_step: root mean square of the first step's entries, when there is no curvature yet; None scales the
            gradient by 1/‖g‖₁ as torch does.
        longest_step: root mean square that no step's entries exceed.
    """

    #: Least share of the predicted fall that a step must bring (Armijo's c₁).
    ARMIJO = 1e-4
    #: Least change of the slope along a step by which it is remembered: more than sums round by, and the same whatever
    #: the objective is multiplied by.
    CURVED = 1e-4
    #: Accepted values that a new one is compared with.
    WINDOW = 5
    #: γ over the mean of the remembered steps' sᵀy / yᵀP·y. Each is too low where the curvature differs between
    #: directions, and the more so the more rounding noise there is in y.
    BOLDNESS = 2.0
    #: Rejections in a row after which the remembered curvature is thrown away.
    PATIENCE = 6

    def __init__(
        self,
        x: Tensor,
        *,
        precondition: Callable[[Tensor], Tensor] | None = None,
        memory: int = 20,
        learning_rate: float = 1.0,
        first_step: float | None = None,
        longest_step: float = float("inf"),
    ):
        batch, n = x.shape
        self.precondition = precondition or torch.clone
        self.memory, self.learning_rate = memory, learning_rate
        self.first_step, self.longest_step = first_step, longest_step
        self.x = x.clone()
        self.value = x.new_full((batch,), torch.inf)
        self.gradient = torch.zeros_like(x)  # g
        self.smooth = torch.zeros_like(x)  # P·g
        self.recent = x.new_full((batch, self.WINDOW), -torch.inf)
        self.direction = torch.zeros_like(x)
        self.length = x.new_zeros(batch)  # 0 until the first answer: the first point asked for is x itself
        self.rejected = x.new_zeros(batch, dtype=torch.long)
        self.count = x.new_zeros(batch, dtype=torch.long)  # pairs stored so far
        # Steps s in the upper half, P·y of gradient changes y below.
        self.pairs = x.new_zeros(batch, 2 * memory, n, dtype=self._vectors.REMEMBERED)
        self.products = x.new_zeros(batch, 2 * memory, memory, dtype=runtime.widest(x.device))  # pairs · y

    def ask(self) -> Tensor:
        """The next point to evaluate, (batch, n)."""
        return torch.addcmul(self.x, self.length[:, None], self.direction)

    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        """Take the objective's values (batch,) and gradients (batch, n) at x (batch, n)."""
        smooth = self.precondition(gradients)
        new, old = (x, gradients, smooth), (self.x, self.gradient, self.smooth)
        change, sums = self._vectors.measure(x, self.x, gradients, self.gradient)
        slope, curvature = sums.unbind(1)
        finite = values.abs() + curvature.abs() < torch.inf  # any entry of the gradients that is not shows there
        first = self.value == torch.inf
        bound = torch.add(self.recent.amax(1), slope.clamp_max(0), alpha=self.ARMIJO)
        good = finite & (first | (values <= bound))
        self._shorten(values, slope, finite)
        self.length.masked_fill_(good, self.learning_rate)
        self._forget_when_stuck(good)
        slot = self.count % self.memory
        stored = good & ~first & (curvature > self.CURVED * slope.abs())
        self._vectors.take(self.pairs, slot, stored, good, new, old)
        self.count += stored
        self._accept(good, values)
        onto_change, onto_gradient = self._vectors.onto(self.pairs, change, self.gradient).unbind(2)
        self._multiply(slot, onto_change, stored)
        self._aim(onto_gradient)

    def restart(self) -> None:
        """Forget all curvature and evaluate the accepted point again: after the objective itself has changed."""
        self.count.zero_()
        self.pairs.zero_()
        self.products.zero_()
        self.value.fill_(torch.inf)
        self.recent.fill_(-torch.inf)
        self.length.zero_()

    def _shorten(self, values: Tensor, slope: Tensor, finite: Tensor) -> None:
        """To the minimum of the parabola through value, slope and the rejected value, within 0.1 to 0.5 of the step."""
        share = torch.nan_to_num(slope / (slope + self.value - values) / 2, nan=0.1, posinf=0.1)
        self.length *= share.masked_fill_(~finite, 0.1).clamp_(0.1, 0.5)

    def _forget_when_stuck(self, good: Tensor) -> None:
        self.rejected += 1
        self.rejected.masked_fill_(good, 0)
        stuck = self.rejected >= self.PATIENCE
        self.rejected.masked_fill_(stuck, 0)
        self.count.masked_fill_(stuck, 0)

    def _accept(self, good: Tensor, values: Tensor) -> None:
        torch.where(good, values, self.value, out=self.value)
        rolled = torch.cat([self.recent[:, 1:], values[:, None]], 1)
        torch.where(good[:, None], rolled, self.recent, out=self.recent)

    def _multiply(self, slot: Tensor, products: Tensor, stored: Tensor) -> None:
        """Keep the products of the newest y with all pairs; P is symmetric, so they are those of P·y with every y."""
        rows, m = torch.arange(len(slot), device=slot.device), self.memory
        self.products[rows, :, slot] = torch.where(stored[:, None], products, self.products[rows, :, slot])
        mirrored = torch.where(stored[:, None], products[:, m:], self.products[rows, m + slot])
        self.products[rows, m + slot] = mirrored

    def _aim(self, onto_gradient: Tensor) -> None:
        """The direction −H·g from the accepted point; where nothing is stored, a scaled steepest descent."""
        weights, gamma = self._vectors.solve(self.products, onto_gradient, self.count, self.BOLDNESS)
        weights, gamma = weights.to(self.x.dtype), gamma.to(self.x.dtype)
        self._turn(gamma, self._vectors.combine(weights, self.pairs))

    def _turn(self, gamma: Tensor, found: Tensor) -> None:
        """Make −γ·P·g − found the direction, or −P·g in a first step's length, no longer than is allowed."""
        g, smooth, root, least = self.gradient, self.smooth, self.x.shape[1] ** 0.5, torch.finfo(self.x.dtype).tiny
        found_g, smooth_g, found_2, both, smooth_2 = self._vectors.weigh(found, smooth, g).unbind(1)
        if self.first_step is None:
            first = (1 / smooth.abs().sum(1).clamp_min(least)).clamp_max(1)
        else:
            first = self.first_step * root * smooth_2.clamp_min(least).rsqrt()
        # Rounding can leave a direction that does not descend; the gradient itself always does.
        newton = (self.count > 0) & (torch.addcmul(found_g, gamma, smooth_g) > 0)
        of_found, of_smooth = newton.to(g.dtype), torch.where(newton, gamma, first)
        squares = torch.addcmul(found_2, gamma, torch.add(gamma * smooth_2, both, alpha=2))
        length = torch.where(newton, squares, of_smooth * (of_smooth * smooth_2))  # whose square can be infinite
        shrink = (-self.longest_step * root * length.clamp_min(least).rsqrt()).clamp_min(-1)
        self._vectors.mix(shrink * of_smooth, smooth, shrink * of_found, found, self.direction)

    @property
    def _vectors(self) -> Any:
        kernels = available.kernels_for(self.x.device) if self.x.dtype == torch.float32 else None
        return kernels or vectors
