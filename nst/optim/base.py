"""Optimizers of a batch of independent images that ask for a point and are told its value and gradient.

    x = optimizer.ask()                  # (batch, n): where to evaluate the objective
    optimizer.tell(x, values, gradients) # the answer; the caller may have moved x (projected it into range)

One `tell` is one iteration: there are no hidden ones. A value or gradient that is not finite counts as a step that was
too long. No row of the batch depends on another.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Optimizer(Protocol):
    """What a run needs of an optimizer."""

    def ask(self) -> Tensor: ...
    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None: ...
    def restart(self) -> None: ...
    def state_dict(self, row: int) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Stateful:
    """Checkpoints: the whole state is the instance's attributes, numbers and tensors of a row a picture."""

    x: Tensor

    def state_dict(self, row: int = 0) -> dict[str, Any]:
        """What a batch of this row alone would go on with; on the CPU, for a GPU may have no room for it."""
        state = {name: value for name, value in vars(self).items() if not callable(value)}
        return {
            name: v[row : row + 1].to("cpu", copy=True) if isinstance(v, Tensor) else v for name, v in state.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a state_dict, on whatever device it was made."""
        for name, value in state.items():
            kept = isinstance(value, Tensor)
            setattr(self, name, torch.empty_like(getattr(self, name)).copy_(value) if kept else value)
