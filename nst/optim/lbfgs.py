"""L-BFGS with one iteration per step, for gradients with rounding noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nst.kernels import available
from nst.machine import runtime
from nst.optim import vectors
from nst.optim.base import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS with one iteration per step (Nocedal & Wright, Numerical Optimization, chapter 7.2).

    The inverse Hessian is applied in compact matrix form (Byrd, Nocedal & Schnabel 1994, equation 3.1): two products
    with the tall matrix of stored pairs instead of 4·m dot products. There is no line search: each step has full
    length, and is accepted when the value falls enough below the largest of the last accepted ones (Grippo, Lampariello
    & Lucidi 1986). This tolerates the rounding noise of 16-bit gradients. A rejected step is shortened.

    Args:
        x: (batch, n) starting points, float32 or float64.
        precondition: P, a symmetric positive definite linear map of (batch, n); H₀ = γ·P is the initial inverse
            Hessian. None: the identity.
        memory: m, the number of stored pairs.
        learning_rate: length of a full step.
        first_step: root mean square of the entries of the first step, before there is any curvature. None scales the
            gradient by 1/‖g‖₁, as torch does.
        longest_step: upper bound of the root mean square of a step's entries.
    """

    #: Share of the predicted decrease that a step must reach to be accepted (Armijo's c₁).
    ARMIJO = 1e-4
    #: A pair is stored where sᵀy is more than this share of |gᵀs|: more than the rounding error of the sums, and
    #: independent of the objective's scale.
    MIN_CURVATURE = 1e-4
    #: Accepted values that a new one is compared with.
    WINDOW = 5
    #: Factor of γ on the mean of sᵀy / yᵀP·y. The mean underestimates γ where the curvature differs between directions,
    #: and more so the more rounding noise y has.
    GAMMA_FACTOR = 2.0
    #: Rejections in a row after which the stored pairs are dropped.
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
        self.length = x.new_zeros(batch)  # 0 before the first `tell`, so that the first point is x itself
        self.rejected = x.new_zeros(batch, dtype=torch.long)
        self.count = x.new_zeros(batch, dtype=torch.long)  # pairs stored so far
        # The steps s in the first m rows, the changes P·y of P·g in the last m.
        self.pairs = x.new_zeros(batch, 2 * memory, n, dtype=self._vectors.PAIR_DTYPE)
        self.products = x.new_zeros(batch, 2 * memory, memory, dtype=runtime.widest(x.device))  # pairs · y

    def ask(self) -> Tensor:
        return torch.addcmul(self.x, self.length[:, None], self.direction)

    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        smooth = self.precondition(gradients)
        new, old = (x, gradients, smooth), (self.x, self.gradient, self.smooth)
        change, sums = self._vectors.secant_pair(x, self.x, gradients, self.gradient)
        derivative, curvature = sums.unbind(1)
        finite = values.abs() + curvature.abs() < torch.inf  # false also where any entry of the gradients is not finite
        first = self.value == torch.inf
        bound = torch.add(self.recent.amax(1), derivative.clamp_max(0), alpha=self.ARMIJO)
        good = finite & (first | (values <= bound))
        self._shorten(values, derivative, finite)
        self.length.masked_fill_(good, self.learning_rate)
        self._drop_pairs_when_stuck(good)
        slot = self.count % self.memory
        stored = good & ~first & (curvature > self.MIN_CURVATURE * derivative.abs())
        self._vectors.store_pair(self.pairs, slot, stored, good, new, old)
        self.count += stored
        self._accept(good, values)
        change_dots, gradient_dots = self._vectors.row_dots(self.pairs, change, self.gradient).unbind(2)
        self._store_products(slot, change_dots, stored)
        self._set_direction(gradient_dots)

    def restart(self) -> None:
        """Drop all pairs and evaluate the accepted point again."""
        self.count.zero_()
        self.pairs.zero_()
        self.products.zero_()
        self.value.fill_(torch.inf)
        self.recent.fill_(-torch.inf)
        self.length.zero_()

    def _shorten(self, values: Tensor, derivative: Tensor, finite: Tensor) -> None:
        """Multiply the step's length by a factor of 0.1 to 0.5, 0.1 where the value is not finite.

        The factor leads to the minimum of the parabola through the accepted value, its derivative along the step, and
        the rejected value.
        """
        share = torch.nan_to_num(derivative / (derivative + self.value - values) / 2, nan=0.1, posinf=0.1)
        self.length *= share.masked_fill_(~finite, 0.1).clamp_(0.1, 0.5)

    def _drop_pairs_when_stuck(self, good: Tensor) -> None:
        self.rejected += 1
        self.rejected.masked_fill_(good, 0)
        stuck = self.rejected >= self.PATIENCE
        self.rejected.masked_fill_(stuck, 0)
        self.count.masked_fill_(stuck, 0)

    def _accept(self, good: Tensor, values: Tensor) -> None:
        torch.where(good, values, self.value, out=self.value)
        rolled = torch.cat([self.recent[:, 1:], values[:, None]], 1)
        torch.where(good[:, None], rolled, self.recent, out=self.recent)

    def _store_products(self, slot: Tensor, products: Tensor, stored: Tensor) -> None:
        """Store the dot products of the newest y with all pairs. P is symmetric: they are those of P·y with every y."""
        rows, m = torch.arange(len(slot), device=slot.device), self.memory
        self.products[rows, :, slot] = torch.where(stored[:, None], products, self.products[rows, :, slot])
        mirrored = torch.where(stored[:, None], products[:, m:], self.products[rows, m + slot])
        self.products[rows, m + slot] = mirrored

    def _set_direction(self, gradient_dots: Tensor) -> None:
        """Set the direction at the accepted point to −H·g, at most of `longest_step`.

        Without stored pairs it is −P·g at the first step's length.
        """
        weights, gamma = self._vectors.solve(self.products, gradient_dots, self.count, self.GAMMA_FACTOR)
        weights, gamma = weights.to(self.x.dtype), gamma.to(self.x.dtype)
        memory = self._vectors.combine(weights, self.pairs)  # H·g = γ·P·g + memory
        g, smooth, root, least = self.gradient, self.smooth, self.x.shape[1] ** 0.5, torch.finfo(self.x.dtype).tiny
        memory_g, smooth_g, memory_2, both, smooth_2 = self._vectors.dots(memory, smooth, g).unbind(1)
        if self.first_step is None:
            first = (1 / smooth.abs().sum(1).clamp_min(least)).clamp_max(1)
        else:
            first = self.first_step * root * smooth_2.clamp_min(least).rsqrt()
        # Rounding can yield a direction of ascent; −P·g always descends.
        newton = (self.count > 0) & (torch.addcmul(memory_g, gamma, smooth_g) > 0)
        of_memory, of_smooth = newton.to(g.dtype), torch.where(newton, gamma, first)
        squares = torch.addcmul(memory_2, gamma, torch.add(gamma * smooth_2, both, alpha=2))
        length = torch.where(newton, squares, of_smooth * (of_smooth * smooth_2))  # of_smooth² alone can overflow
        shrink = (-self.longest_step * root * length.clamp_min(least).rsqrt()).clamp_min(-1)
        self._vectors.axpby(shrink * of_smooth, smooth, shrink * of_memory, memory, self.direction)

    @property
    def _vectors(self) -> Any:
        kernels = available.kernels_for(self.x.device) if self.x.dtype == torch.float32 else None
        return kernels or vectors
