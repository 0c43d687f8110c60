"""Adam and RMSprop, with one step size per row of the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.optim.base import Optimizer


class Adam(Optimizer):
    """Adam (Kingma & Ba, arXiv:1412.6980, algorithm 1) on a batch of rows, each with its own step size.

    Where a value or gradient is not finite, the row returns to its last accepted point and halves its step size.

    Args:
        x: (batch, n) starting points. learning_rate: step size, in units of x.
        decay: factor of the step size after every PERIOD iterations. age: iterations of earlier runs.
        ema_decay: decay of the running average of the points per iteration, 0..1; 0: no average.
    """

    #: Decays of the means of the gradient and of its square, as in the paper.
    BETAS = (0.9, 0.999)
    #: Iterations at the same step size.
    PERIOD = 200
    #: Whether the means, which start at 0, are divided by the sum of their weights.
    bias_corrected = True

    def __init__(
        self,
        x: Tensor,
        *,
        learning_rate: float = 0.02,
        decay: float = 1.0,
        ema_decay: float = 0.0,
        age: int = 0,
    ):
        self.decay, self.ema_decay = decay, ema_decay
        self.age = x.new_full((len(x),), age)
        self.sum, self.count = torch.zeros_like(x), x.new_zeros(len(x))  # of the running average
        self.x, self.accepted = x.clone(), x.clone()
        self.learning_rate = learning_rate
        self.rate = x.new_full((len(x),), learning_rate)
        self.steps = x.new_zeros(len(x))
        self.mean, self.square = torch.zeros_like(x), torch.zeros_like(x)

    def ask(self) -> Tensor:
        return self.x.clone()

    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        finite = values.isfinite() & gradients.isfinite().all(1)
        good = finite[:, None]
        b1, b2 = self.BETAS
        self.mean = torch.where(good, b1 * self.mean + (1 - b1) * gradients, self.mean)
        self.square = torch.where(good, b2 * self.square + (1 - b2) * gradients.square(), self.square)
        self.steps = self.steps + finite
        self.rate = torch.where(finite, self.rate, self.rate / 2)
        self.accepted = torch.where(good, x, self.accepted)
        self.count, self.age = self.count + 1, self.age + 1
        self.sum = self.ema_decay * self.sum + (1 - self.ema_decay) * self.accepted
        steps = self.steps.clamp_min(1)[:, None]
        mean, square = self.mean, self.square
        if self.bias_corrected:
            mean, square = mean / (1 - b1**steps), square / (1 - b2**steps)
        rate = self.rate * self.decay ** ((self.age - 1) / self.PERIOD).floor()
        self.x = self.accepted - rate[:, None] * mean / (square.sqrt() + 1e-8)

    def averaged(self) -> Tensor | None:
        """The running average of the accepted points, with algorithm 1's bias correction; None without `ema_decay`."""
        if not self.ema_decay:
            return None
        share = (1 - self.ema_decay**self.count)[:, None]
        return torch.where(share > 0, self.sum / share, self.x)

    def restart(self) -> None:
        """Return to the accepted points and the first learning rate, and reset the moments."""
        self.x = self.accepted.clone()
        self.rate.fill_(self.learning_rate)
        self.steps.zero_()
        self.mean.zero_()
        self.square.zero_()


class RMSprop(Adam):
    """RMSprop (Tieleman & Hinton 2012): a gradient step divided by the root of the running mean square, as torch's."""

    BETAS = (0.0, 0.99)
    bias_corrected = False
