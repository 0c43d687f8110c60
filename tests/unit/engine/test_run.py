"""Starting an iteration before the caller has handled the last one, as on a GPU, does not change results.

On a CPU the iteration is complete when `start_iteration` returns; the order is the same.
"""

import io

import numpy as np
import pytest
import torch

from nst.engine.cuda_graph import Replay, in_place
from nst.engine.run import ImageState
from nst.engine.stylization import Finished, Transfer, stylize, stylize_batch
from nst.errors import NstError
from nst.settings import make

SHALLOW = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "iterations": 12, "precision": "fp32"}
KINDS = {
    "lbfgs": {},
    "adam": {"optimizer": "adam"},
    "average": {"optimizer": "adam", "ema_decay": 0.9},
    "coarse to fine": {"scales": 3},
    "auto": {"style_weight": "auto", "target_style_loss": 0.3},
    "network": {"parameters": "network", "optimizer": "adam"},
}


class Recorded(Replay):
    """Like a CUDA graph, it returns the same tensors each time, which the next call overwrites."""

    def __call__(self):
        rows, (x, names) = in_place(self.step, self.state)
        if self.graph is None:
            self.graph, self.result = object(), (rows.clone(), (x.clone(), names))
        else:
            self.result[0].copy_(rows)
            self.result[1][0].copy_(x)
        return self.result


@pytest.fixture
def ahead(monkeypatch):
    """Sets whether iterations are recorded, and therefore started early."""
    return lambda yes: monkeypatch.setattr("nst.engine.run.Replay", Recorded if yes else Replay)


def test_without_finite_losses_there_is_no_best_image():
    with pytest.raises(NstError, match="no iteration gave finite losses; reduce `content_weight` or `style_weight`"):
        ImageState(None).best_parameters()


def stylized(scene, stripes, untrained, kind, resume=None, stop=None):
    settings = make(SHALLOW | KINDS[kind])
    events = []
    for event in stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu", resume=resume):
        picture = event.pixels if isinstance(event, Finished) else event.picture()
        events.append((event.losses, picture))
        if not isinstance(event, Finished) and event.iteration == stop:
            file = io.BytesIO()
            torch.save(event.state(), file)
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True)
    return events


def check_same(found, wanted):
    assert [losses for losses, _ in found] == [losses for losses, _ in wanted]
    for (_, ours), (_, theirs) in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_starting_early_changes_nothing(scene, stripes, untrained, kind, ahead):
    wanted = stylized(scene, stripes, untrained, kind)
    ahead(True)
    check_same(stylized(scene, stripes, untrained, kind), wanted)


@pytest.mark.parametrize("then", [True, False])
@pytest.mark.parametrize("stop", [5, 11])
@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_includes_the_started_iteration(scene, stripes, untrained, kind, stop, then, ahead):
    wanted = stylized(scene, stripes, untrained, kind)
    ahead(True)
    state = stylized(scene, stripes, untrained, kind, stop=stop)
    assert state["iteration"] == stop
    ahead(then)
    check_same(stylized(scene, stripes, untrained, kind, resume=state), wanted[stop:])


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_an_image_without_finite_losses_leaves_the_others_of_its_batch(scene, stripes, untrained, scales):
    settings = make(SHALLOW | {"deterministic": "no", "scales": scales, "iterations": 18})
    bad = scene.copy()
    bad[5, 5] = np.nan
    transfers = [Transfer(bad, [stripes], settings), Transfer(scene, [stripes], settings)]
    *_, first, second = stylize_batch(transfers, state=untrained, device="cpu")
    assert first == (0, None)
    assert second[0] == 1
    assert np.isfinite(second[1].pixels).all()


def test_the_checkpoint_of_an_image_in_a_batch_contains_that_image_only(scene, stripes, untrained, ahead):
    settings = make(SHALLOW | {"deterministic": "no"})
    ahead(True)
    transfers = [Transfer(scene, [stripes], settings), Transfer(scene[::-1].copy(), [stripes], settings)]
    states = {}
    for index, event in stylize_batch(transfers, state=untrained, device="cpu"):
        if not isinstance(event, Finished) and event.iteration == 5:
            states[index] = event.state()
    assert all(len(state["started"]["x"]) == len(state["started"]["rows"]) == 1 for state in states.values())
    assert not torch.equal(states[0]["started"]["x"], states[1]["started"]["x"])
