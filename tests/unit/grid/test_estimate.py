"""The estimates of time and memory for one image."""

from __future__ import annotations

import pytest

from nst.grid.estimate import estimate
from nst.settings import make


def test_distances_between_feature_vectors_take_time_and_memory() -> None:
    plain, sampled = make({"size": 256}), make({"size": 256, "style_loss": "sliced"})
    (seconds, megabytes), (more, larger) = (estimate(each, (400, 300), 2, "bf16") for each in (plain, sampled))
    assert more - seconds == pytest.approx(300 * 100e9 / 520e9)
    assert larger > megabytes + 200
