"""The interface of the optimizers: ask and tell, on a batch of independent images.

    x = optimizer.ask()                   # (batch, n): the point to evaluate
    optimizer.tell(x, values, gradients)  # its values and gradients; x may have been projected into range

One `tell` is one iteration; there are no others. A value or gradient that is not finite is treated as a step that was
too long. The rows of the batch do not depend on each other.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Optimizer(Protocol):
    """An optimizer as `nst.engine.run` uses it."""

    def ask(self) -> Tensor:
        """The next point to evaluate, (batch, n)."""

    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        """Record the objective's values (batch,) and gradients (batch, n) at x (batch, n)."""

    def restart(self) -> None:
        """Drop what was learned of an objective that has changed."""

    def state_dict(self, row: int) -> dict[str, Any]:
        """The state of one image, on the CPU."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of an optimizer of one image."""


class Stateful:
    """Checkpoints of an optimizer whose state is its attributes: numbers, and tensors with one row per image."""

    x: Tensor

    def state_dict(self, row: int = 0) -> dict[str, Any]:
        """The state of the image in a row, as an optimizer of this image alone would have it.

        Its tensors are copied to the CPU, because a GPU may lack the memory for a copy.
        """
        state = {name: value for name, value in vars(self).items() if not callable(value)}
        return {
            name: v[row : row + 1].to("cpu", copy=True) if isinstance(v, Tensor) else v for name, v in state.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict` of any device."""
        for name, value in state.items():
            is_tensor = isinstance(value, Tensor)
            setattr(self, name, torch.empty_like(getattr(self, name)).copy_(value) if is_tensor else value)
