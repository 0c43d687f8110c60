"""CUDA graphs: on a GPU an iteration is recorded once and replayed.

One iteration is several hundred small kernels. To launch each from Python takes longer than to compute it; a graph
launches all at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from nst.errors import reason_of
from nst.machine import runtime

Result = TypeVar("Result")

#: Calls before the recording, in which libraries choose algorithms and allocate memory.
WARMUP_STEPS = 2
#: Largest relative difference between the losses of a step and of its replay.
TOLERANCE = 0.02


class Replay(Generic[Result]):
    """Calls `step`; on a CUDA GPU replays a recording of it after some calls.

    Args:
        step: reads and writes tensors that are attributes of `state`, in place or by assigning new ones. It must not
            branch on their values, because a graph always takes the recorded branch. It returns (losses, any other
            result); the losses are used to check the recording. Tensors of the result are valid until the next call.
        state: its tensors keep their memory: new ones that a step assigns are copied into the old ones.
        recordable: whether the step may be recorded.

    A recording is discarded where it fails, or where the losses of two replays differ from those of two steps: the
    second one depends on the whole state that the first one leaves. `problem` then holds the reason, else ''.
    """

    def __init__(
        self, step: Callable[[], tuple[Tensor, Result]], state: Any, device: torch.device, *, recordable: bool = True
    ):
        self.step, self.state, self.device = step, state, device
        self.recordable = recordable and device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: tuple[Tensor, Result] | None = None  # of the graph, in its memory
        self.calls, self.problem = 0, ""

    def __call__(self) -> tuple[Tensor, Result]:
        if self.graph is not None:
            self.graph.replay()
            assert self.result is not None
            return self.result
        with runtime.gpu_lock(self.device):
            if not self.recordable:
                return self.step()
            self.calls += 1
            return self._record() if self.calls > WARMUP_STEPS else in_place(self.step, self.state)

    def discard_graph(self) -> None:
        """Record again in the next call. For use when the step itself has changed."""
        self.graph = self.result = None

    def _record(self) -> tuple[Tensor, Result]:
        """Take two steps, record one, reset the state, and check that two replays give the same losses."""
        originals = tensors(self.state)
        before = {name: tensor.clone() for name, tensor in originals.items()}
        expected = [in_place(self.step, self.state)[0] for _ in range(2)]
        graph = torch.cuda.CUDAGraph()
        try:
            # `thread_local` permits other threads to copy images from the GPU meanwhile. Whatever else they do on the
            # GPU waits for `runtime.GPU_LOCK`.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.result = in_place(self.step, self.state)
            if self._replays_match(graph, expected, before, originals):
                self.graph = graph
                return self.result
            self.problem = "a replayed CUDA graph gave other losses than the iteration itself; continued without it"
        except RuntimeError as error:
            self.problem = f"no CUDA graph could be recorded ({reason_of(error)}); continued without one"
        self.recordable = False
        vars(self.state).update(originals)
        _copy(before, originals)
        self.result = None
        before.clear()
        del graph  # before the step, which cannot use the memory of the graph and of these copies
        return self.step()

    def _replays_match(
        self,
        graph: torch.cuda.CUDAGraph,
        expected: list[Tensor],
        before: dict[str, Tensor],
        originals: dict[str, Tensor],
    ) -> bool:
        """Whether replays from the state `before` give the expected losses. Leaves the state after one replay."""
        _copy(before, originals)
        assert self.result is not None
        same = True
        for losses in expected:
            graph.replay()
            same &= torch.allclose(self.result[0], losses, rtol=TOLERANCE, atol=0, equal_nan=True)
        _copy(before, originals)
        graph.replay()
        return same


def in_place(step: Callable[[], Result], state: Any) -> Result:
    """Take a step and copy new tensors of its state into the old ones; returns the step's result."""
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


def _copy(values: dict[str, Tensor], targets: dict[str, Tensor]) -> None:
    for name, value in values.items():
        targets[name].copy_(value)
