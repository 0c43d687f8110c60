"""A step that is taken hundreds of times on the same tensors: on a GPU recorded once, as a CUDA graph, and replayed.

One iteration is several hundred small kernels. Launched one by one from Python they take longer than the GPU takes to
compute them; a graph launches them all at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from nst.machine import runtime

Result = TypeVar("Result")

#: Steps taken before one is recorded: libraries choose their algorithms and get their memory in these.
WARM = 2
#: Largest relative difference between a step and its replay that rounding explains.
TOLERANCE = 0.02


class Replay(Generic[Result]):
    """Calls `step`, or replays it where `device` is a CUDA GPU.

    Args:
        step: reads and writes tensors that are attributes of `state`, replacing them or writing into them. It must not
            look at their values (a graph takes the branch that it was recorded with). Its result is (what is looked at
            to tell whether a replay is right, anything else); tensors of it are valid until the next call.
        state: keeps its tensors: those that a step replaces are copied back into the ones that were there.
        able: whether the step can be recorded at all.

    A recording that fails, or whose first two replays do not tell what two steps tell, is not used; `problem` then says
    why. The second depends on all that the first left behind.
    """

    def __init__(
        self, step: Callable[[], tuple[Tensor, Result]], state: Any, device: torch.device, *, able: bool = True
    ):
        self.step, self.state, self.device = step, state, device
        self.able = able and device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None
        self.taken, self.problem = 0, ""

    def __call__(self) -> tuple[Tensor, Result]:
        if self.graph is not None:
            self.graph.replay()
            return self.result
        with runtime.turn(self.device):
            if not self.able:
                return self.step()
            self.taken += 1
            return self._record() if self.taken > WARM else in_place(self.step, self.state)

    def forget(self) -> None:
        """Record anew: after the step itself has changed."""
        self.graph = None

    def _record(self) -> tuple[Tensor, Result]:
        """Take two steps, record one, and take them once more from the same state by the recording."""
        kept = tensors(self.state)
        before = {name: tensor.clone() for name, tensor in kept.items()}
        right = [in_place(self.step, self.state)[0] for _ in range(2)]
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads read pictures meanwhile, which `thread_local` allows; judging one waits for the whole GPU.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.result = in_place(self.step, self.state)
            if self._tells(graph, right, before, kept):
                self.graph = graph
                return self.result
            self.problem = "a CUDA graph gave other losses than the iteration that it recorded; went on without"
        except RuntimeError as error:
            self.problem = f"no CUDA graph could be recorded ({str(error).splitlines()[0]}); went on without"
        self.able = False
        vars(self.state).update(kept)
        _put(before, kept)
        return self.step()

    def _tells(
        self, graph: torch.cuda.CUDAGraph, right: list[Tensor], before: dict[str, Tensor], kept: dict[str, Tensor]
    ) -> bool:
        """Whether replays tell what is right; leaves the state as after one of them."""
        _put(before, kept)
        same = True
        for told in right:
            graph.replay()
            same &= torch.allclose(self.result[0], told, rtol=TOLERANCE, atol=0, equal_nan=True)
        _put(before, kept)
        graph.replay()
        return same


def in_place(step: Callable[[], Result], state: Any) -> Result:
    """Take a step and leave its state in the tensors in which it was."""
    before = tensors(state)
    result = step()
    for name, tensor in before.items():
        now = getattr(state, name)
        if now is not tensor:
            tensor.copy_(now)
            setattr(state, name, tensor)
    return result


def tensors(state: Any) -> dict[str, Tensor]:
    """The tensors among an object's attributes."""
    return {name: value for name, value in vars(state).items() if isinstance(value, Tensor)}


def _put(values: dict[str, Tensor], places: dict[str, Tensor]) -> None:
    for name, value in values.items():
        places[name].copy_(value)
