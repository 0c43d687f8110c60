"""Adam, with a step size of its own for each row of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.optim.base import Stateful


class Adam(Stateful):
    """Adam (Kingma & Ba, arXiv:1412.6980, algorithm 1) on a batch of rows, each with its own step size.

    After a value that is not finite a row goes back to its last good point with half the step size.

    Args:
        x: (batch, n) starting points. learning_rate: step size, in the range of x.
        decay: what is left of the step size after every PERIOD iterations. age: iterations that went before.
        ema_decay: share that the running average of the points keeps at each iteration.
    """

    #: Iterations at the same step size.
    PERIOD = 200

    def __init__(
        self,
        x: Tensor,
        *,
        learning_rate: float = 0.02,
        betas: tuple[float, float] = (0.9, 0.999),
        decay: float = 1.0,
        ema_decay: float = 0.0,
        age: int = 0,
    ):
        self.betas, self.decay, self.ema_decay = betas, decay, ema_decay
        self.age = x.new_full((len(x),), age)
        self.sum, self.told = torch.zeros_like(x), x.new_zeros(len(x))
        self.x, self.safe = x.clone(), x.clone()
        self.rate = x.new_full((len(x),), learning_rate)
        self.steps = x.new_zeros(len(x))
        self.mean, self.square = torch.zeros_like(x), torch.zeros_like(x)

    def ask(self) -> Tensor:
        """The next point to evaluate, (batch, n)."""
        return self.x.clone()

    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        """Take the objective's values (batch,) and gradients (batch, n) at x (batch, n)."""
        finite = values.isfinite() & gradients.isfinite().all(1)
        good = finite[:, None]
        b1, b2 = self.betas
        self.mean = torch.where(good, b1 * self.mean + (1 - b1) * gradients, self.mean)
        self.square = torch.where(good, b2 * self.square + (1 - b2) * gradients.square(), self.square)
        self.steps = self.steps + finite
        self.rate = torch.where(finite, self.rate, self.rate / 2)
        self.safe = torch.where(good, x, self.safe)
        self.told, self.age = self.told + 1, self.age + 1
        self.sum = self.ema_decay * self.sum + (1 - self.ema_decay) * self.safe
        count = self.steps.clamp_min(1)[:, None]
        spread = (self.square / (1 - b2**count)).sqrt() + 1e-8
        rate = self.rate * self.decay ** ((self.age - 1) / self.PERIOD).floor()
        self.x = self.safe - rate[:, None] * (self.mean / (1 - b1**count)) / spread

    def averaged(self) -> Tensor:
        """The running average of the points told so far, free of its start at 0 (algorithm 1's correction)."""
        share = (1 - self.ema_decay**self.told)[:, None]
        return torch.where(share > 0, self.sum / share, self.x)

    def restart(self) -> None:
        """Forget the moments: after the objective itself has changed."""
        self.x = self.safe.clone()
        self.steps.zero_()
        self.mean.zero_()
        self.square.zero_()
