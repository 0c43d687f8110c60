"""The prediction of what remaining iterations gain, against its law, and optimizations that it ends."""

import math

import numpy as np
import pytest

from nst.engine.stopping import FEWEST, remaining_gain
from nst.engine.stylization import Finished, Transfer, stylize
from nst.settings import make

SHALLOW = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "precision": "fp32", "iterations": 120}


def run(scene, stripes, untrained, resume=None, **values):
    transfer = Transfer(scene, [stripes], make(SHALLOW | values))
    *steps, end = stylize(transfer, state=untrained, device="cpu", resume=resume)
    assert isinstance(end, Finished)
    return steps, end


@pytest.mark.parametrize(("now", "iterations"), [(20, 300), (150, 300), (299, 300), (40, 10_000)])
def test_the_law_is_predicted_exactly(now, iterations):
    low, high = 0.7, 3.1
    if now % 2:
        now -= 1  # half of the iterations must be a whole number
    lowest = [low + high / math.sqrt(k) for k in range(1, iterations + 1)]
    gain = (lowest[now - 1] - lowest[-1]) / lowest[now - 1]
    assert remaining_gain(lowest[:now], iterations) == pytest.approx(gain, rel=1e-9)


def test_it_predicts_no_gain_at_the_end_and_none_too_early():
    assert remaining_gain([1.0 / k for k in range(1, 51)], 50) == 0
    assert remaining_gain([1.0] * (FEWEST - 1), 50) == math.inf
    assert remaining_gain([0.0] * 50, 100) == 0


@pytest.mark.parametrize(
    "values", [{}, {"optimizer": "adam", "ema_decay": 0.9}, {"scales": 2, "iterations": 200}], ids=str
)
def test_it_ends_early_and_nothing_else_changes(scene, stripes, untrained, values):
    whole, whole_end = run(scene, stripes, untrained, **values)
    steps, end = run(scene, stripes, untrained, tolerance=0.05, **values)
    assert FEWEST < len(steps) == end.iterations < len(whole)
    same = len(steps) - bool(values.get("ema_decay"))  # the last one evaluates the average
    assert [step.losses for step in steps[:same]] == [step.losses for step in whole[:same]]
    assert end.losses["total"] < whole_end.losses["total"] * 1.1
    if "scales" in values:
        assert len(steps) > 100 + FEWEST  # all of the first scale


def test_a_resumed_one_ends_at_the_same_iteration(scene, stripes, untrained):
    values = {"tolerance": 0.05, "optimizer": "adam", "ema_decay": 0.9}
    steps, end = run(scene, stripes, untrained, **values)
    for made in (len(steps) // 2, len(steps) - 1):  # the latter has decided that one more is the last
        whole = stylize(Transfer(scene, [stripes], make(SHALLOW | values)), state=untrained, device="cpu")
        saved = next(event.state() for event in whole if event.iteration == made)
        rest, resumed = run(scene, stripes, untrained, saved, **values)
        assert len(rest) == len(steps) - made
        assert resumed.iterations == end.iterations
        np.testing.assert_array_equal(resumed.pixels, end.pixels)


def test_a_batch_has_none_that_ends_early(scene, stripes):
    assert Transfer(scene, [stripes], make({"tolerance": 0.05})).kind is None
