"""The interface of the optimizers: ask and tell, on a batch of independent images.

    x = optimizer.ask()                   # (batch, n): the point to evaluate
    optimizer.tell(x, values, gradients)  # its values and gradients; x may have been projected into range

One `tell` is one iteration; there are no others. A value or gradient that is not finite is treated as a step that was
too long. The rows of the batch do not depend on each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class Optimizer(ABC):
    """An optimizer whose state is its attributes: numbers, and tensors with one row per image."""

    @abstractmethod
    def ask(self) -> Tensor:
        """The next point to evaluate, (batch, n)."""

    @abstractmethod
    def tell(self, x: Tensor, values: Tensor, gradients: Tensor) -> None:
        """Take the objective's values (batch,) and gradients (batch, n) at x (batch, n)."""

    def averaged(self) -> Tensor | None:
        """The running average of the points, (batch, n); None if the optimizer has none."""
        return None

    @abstractmethod
    def restart(self) -> None:
        """Drop what was learned of the objective. For use when the objective itself has changed."""

    def state_dict(self, row: int = 0) -> dict[str, Any]:
        """The state of the image in a row, as an optimizer of this image alone would have it.

        Its tensors are copied to the CPU, because a GPU may lack the memory for a copy.
        """
        return {
            name: value[row : row + 1].to("cpu", copy=True) if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
            if not callable(value)
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of an optimizer of one image, from any device. It is emptied, to free its memory."""
        while state:
            name, value = state.popitem()
            if isinstance(value, Tensor):
                getattr(self, name).copy_(value)
            else:
                setattr(self, name, value)
