"""A recorded iteration gives the same results: tested by a trace of its operations, and on a GPU by CUDA graphs.

The trace is the list of an iteration's tensor operations, as in a CUDA graph. Whatever Python computes from the values
of tensors while tracing is a constant of the trace, so later iterations would differ.
"""

import contextlib
from functools import partial

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from nst.engine import cuda_graph, run, stylization
from nst.engine.cuda_graph import Replay, in_place, tensors
from nst.engine.stylization import Finished, Transfer, stylize
from nst.optim.adam import Adam
from nst.settings import make

VALUES = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "precision": "fp32", "iterations": 60}
KINDS = {
    "lbfgs": {},
    "a first step that is too long": {"learning_rate": 30},
    "clip": {"pixel_range": "clip", "style_loss": "covariance"},
    "luminance": {"color": "luminance", "pixel_range": "rescale", "tv_weight": 0.1},
    "photo": {"photo_weight": 100},
    "adam": {"optimizer": "adam", "learning_rate_decay": 0.5, "ema_decay": 0.9},
    "adam, clip": {"optimizer": "adam", "normalize_gradients": "yes", "pixel_range": "clip"},
    "network": {"parameters": "network", "optimizer": "adam"},
}

#: Index of the total among the losses: content, style, tv, total, and one per layer.
TOTAL = 3

#: Operations that synchronize with the CPU, or whose result's size depends on values: a CUDA graph cannot record them.
SYNCHRONIZING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "unique", "bincount", "is_nonzero"}


@pytest.fixture
def made_run(scene, stripes, untrained):
    def begin(values, transfers=1):
        settings = make(VALUES | values)
        pairs = [
            stylization.prepared(Transfer(scene[:: 1 - 2 * k], [stripes], settings), untrained, torch.device("cpu"))
            for k in range(transfers)
        ]
        stylized = run.Run(pairs, [None] * transfers, torch.float32, None)
        return stylized

    return begin


@pytest.mark.parametrize(("kind", "transfers"), [*((kind, 1) for kind in KINDS), ("lbfgs", 2)])
def test_an_iteration_is_a_fixed_list_of_operations(made_run, kind, transfers, monkeypatch):
    monkeypatch.setattr(run, "MEMORY", 5)  # so that old pairs are overwritten within the test
    monkeypatch.setattr(run, "MIN_MEMORY", 5)
    monkeypatch.setattr(Adam, "PERIOD", 3)
    # By matrices, as on a GPU: the CPU's fast transform is not an operation of torch.
    monkeypatch.setattr(run, "Smoothing", partial(run.Smoothing, differentiable=True))
    stylized = made_run(KINDS[kind], transfers)
    names = list(tensors(stylized.optimizer))

    def step(*values):
        vars(stylized.optimizer).update(zip(names, values, strict=True))
        losses, (x, _) = stylized._step.step()
        return losses, x, *tensors(stylized.optimizer).values()

    start = [value.clone() for value in tensors(stylized.optimizer).values()]
    recorded = make_fx(step)(*[value.clone() for value in start])
    used = {node.target.__name__.partition(".")[0] for node in recorded.graph.nodes if node.op == "call_function"}
    assert used.isdisjoint(SYNCHRONIZING)
    ours, theirs = [v.clone() for v in start], [v.clone() for v in start]
    seen = []
    for iteration in range(14):
        if iteration == 6 and kind in ("lbfgs", "adam"):  # NaN is handled by the optimizer
            asked = names.index("direction" if kind == "lbfgs" else "x")
            for state in (ours, theirs):
                state[asked] = state[asked] * torch.nan
        losses, x, *ours = recorded(*ours)
        right, right_x, *theirs = step(*theirs)
        torch.testing.assert_close(losses, right, rtol=1e-4, atol=1e-7, equal_nan=True)
        torch.testing.assert_close(x, right_x, rtol=1e-3, atol=1e-3, equal_nan=True)
        seen.append(right[:, TOTAL].min().item())
    assert min(seen[7:]) < seen[0]
    for name, value, right in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(value, right, rtol=0.05, atol=1e-2, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_stays_in_the_same_memory(made_run, kind):
    stylized, other = made_run(KINDS[kind]), made_run(KINDS[kind])
    places = {name: value.data_ptr() for name, value in tensors(stylized.optimizer).items()}
    for _ in range(5):
        losses, (x, _) = in_place(stylized._step.step, stylized.optimizer)
        right, (right_x, _) = other._step.step()
        assert torch.equal(losses, right)
        assert torch.equal(x, right_x)
        assert x.data_ptr() not in places.values()
    assert {name: value.data_ptr() for name, value in tensors(stylized.optimizer).items()} == places
    for name, value in tensors(stylized.optimizer).items():
        assert torch.equal(value, getattr(other.optimizer, name)), name


class FakeGraph:
    """A replacement of a CUDA graph: a replay repeats the step."""

    def __init__(self, wrong=1.0):
        self.wrong, self.replays = wrong, 0

    def replay(self):
        self.replays += 1
        losses, _ = in_place(self.owner.step, self.owner.state)
        self.owner.result[0].copy_(losses * self.wrong)


class Stuck(FakeGraph):
    """Gives the right losses, but does not change the state."""

    def replay(self):
        at = self.owner.state.at.clone()
        super().replay()
        self.owner.state.at.copy_(at)


class Count:
    """A state of one number; each step returns its double and adds 1."""

    def __init__(self):
        self.at = torch.zeros(1)

    def step(self):
        losses, self.at = 2 * self.at, self.at + 1
        return losses, "names"


def counted(monkeypatch, graph, fails=False):
    """The results of ten steps with a fake CUDA graph, and the `Replay`."""

    @contextlib.contextmanager
    def capture(_, capture_error_mode):
        yield
        if fails:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    state = Count()
    replay = Replay(state.step, state, torch.device("cuda"))
    graph.owner = replay
    return [replay()[0].item() for _ in range(10)], replay


def test_steps_are_replayed_once_recorded(monkeypatch):
    graph = FakeGraph()
    losses, replay = counted(monkeypatch, graph)
    assert losses == [2.0 * k for k in range(10)]
    assert graph.replays == 10 - cuda_graph.WARMUP_STEPS + 2  # plus two replays to check the recording
    assert not replay.problem


def test_a_recording_that_is_wrong_or_fails_is_not_used(monkeypatch):
    other = "other losses"
    for graph, fails, why in (
        (FakeGraph(1.5), False, other),
        (Stuck(), False, other),
        (FakeGraph(), True, "not permitted"),
    ):
        losses, replay = counted(monkeypatch, graph, fails)
        assert losses == [2.0 * k for k in range(10)]
        assert why in replay.problem
        assert "\n" not in replay.problem


def test_a_changed_step_is_recorded_again(monkeypatch):
    graph = FakeGraph()
    _, replay = counted(monkeypatch, graph)
    replay.discard_graph()
    assert replay.graph is None
    assert replay()[0].item() == 20
    assert replay.graph is graph


def test_no_step_is_recorded_on_a_cpu():
    state = Count()
    replay = Replay(state.step, state, torch.device("cpu"))
    assert [replay()[0].item() for _ in range(5)] == [0, 2, 4, 6, 8]
    assert replay.graph is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_gives_the_same_losses_as_iterations(scene, stripes, untrained, kind, monkeypatch):
    settings = make(VALUES | KINDS[kind] | {"iterations": 12, "deterministic": "yes"})
    ends = []
    for warm in (cuda_graph.WARMUP_STEPS, 10**6):
        monkeypatch.setattr(cuda_graph, "WARMUP_STEPS", warm)
        events = list(stylize(Transfer(scene, [stripes], settings), state=untrained, device="cuda"))
        assert isinstance(events[-1], Finished)
        assert events[-1].warnings == ()
        ends.append([event.losses["total"] for event in events])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)
