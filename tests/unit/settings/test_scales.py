"""The plan of scales: sizes, iterations, and what changes from one to the next."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT
from nst.settings import make, scales

PYRAMID = {"scales": 8, "scale_factor": 2, "coarsest": 64}


def plan(values: dict, long_side: int) -> list[tuple[float, int]]:
    return [(scale.share, scale.last) for scale in scales.plan(make(values), long_side)]


def test_sizes_are_powers_of_the_root_of_two_by_default() -> None:
    expected = [(2**-1.5, 75), (0.5, 150), (2**-0.5, 225), (1.0, 300)]
    assert plan({"scales": 4}, 512) == expected  # equal to the bit: sizes are rounded


@pytest.mark.parametrize(
    ("long_side", "shares"),
    [
        (512, [0.125, 0.25, 0.5, 1]),
        (1000, [0.125, 0.25, 0.5, 1]),
        (1024, [2.0**-k for k in (4, 3, 2, 1, 0)]),
        (50, [1]),
    ],
)
def test_with_coarsest_there_are_as_many_as_fit(long_side: int, shares: list[float]) -> None:
    assert [share for share, _ in plan(PYRAMID, long_side)] == shares


def test_the_style_loss_nnst_matches_the_content_first_and_ends_with_a_pass_by_layers() -> None:
    found = scales.plan(make(PYRAMID | {"style_loss": "nnst", "iterations": 900}), 512)
    assert [(scale.share, scale.last) for scale in found][-2:] == [(1, 800), (1, 900)]
    last = {"style_loss": "nearest", "content_match": 0.25}
    assert [scale.changes for scale in found] == [{"content_match": 1.0}, {}, {}, {}, last]


def test_the_content_counts_more_at_coarse_scales() -> None:
    found = scales.plan(make({"scales": 4, "content_weight": 16, "finer_content": 0.5}), 512)
    assert [scale.changes["content_weight"] for scale in found] == [16, 8, 4, 2]


def test_the_last_pass_has_the_content_weight_of_the_finest_scale() -> None:
    values = {"style_loss": "nnst", "scales": 3, "content_weight": 16, "finer_content": 0.5}
    found = scales.plan(make(values), 512)
    assert [scale.changes["content_weight"] for scale in found] == [16, 8, 4, 4]


def test_iterations_fall_from_scale_to_scale() -> None:
    found = plan({"scales": 3, "scale_iterations": 0.5, "iterations": 700}, 512)
    assert [last for _, last in found] == [400, 600, 700]


@PATIENT
@given(
    st.integers(1, 12), st.floats(0.1, 10), st.floats(1.1, 4), st.integers(0, 2000), st.integers(1, 8000),
    st.integers(0, 500), st.sampled_from(["gram", "nnst"]),
)  # fmt: skip
def test_every_scale_has_an_iteration(count, ratio, factor, coarsest, long_side, more, loss) -> None:
    values = {"scales": count, "scale_iterations": ratio, "scale_factor": factor, "style_loss": loss}
    if count > 1:
        values["coarsest"] = coarsest
    settings = make(values | {"iterations": count + 1 + more})
    found = scales.plan(settings, long_side)
    lasts = [scale.last for scale in found]
    assert lasts[-1] == settings.iterations
    assert all(a < b for a, b in zip([0, *lasts], lasts, strict=False))
    assert found[-1].share == 1
    assert all(0 < a.share <= b.share for a, b in itertools.pairwise(found))
    assert 0 < scales.work(settings, long_side) <= settings.iterations * 1.001
