"""nst.summaries.ranking: ranks by one metric or several, and the Pareto front, agree with a plain computation."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nst.settings.metrics import Ranking
from nst.summaries.ranking import KEEPS_COLORS, pareto_front, ranked

NUMBERS = st.one_of(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), st.floats(0, 2))


def picture(style_error: float, content_error: float, **more: object) -> dict[str, object]:
    """A line of records, of one content and style."""
    line = {"content": "cat", "style": "wave", "reference": "vgg19", "color": "style"}
    return line | {"style_error": style_error, "content_error": content_error} | more


def places(*pictures: dict[str, object], by: str = "score") -> list[float]:
    return list(ranked(pd.DataFrame(pictures), Ranking.parse(by))["rank"])


def test_the_star_is_for_a_stylized_picture_not_for_one_that_is_hardly_touched() -> None:
    # A sweep of style weights 0.6, 2, 6, 16, 60: the errors of the first have the least sum.
    style, content = (0.161, 0.073, 0.030, 0.014, 0.006), (0.046, 0.142, 0.286, 0.432, 0.675)
    assert places(*map(picture, style, content)) == [5, 4, 2, 1, 3]


def test_more_style_is_worth_only_so_much_content() -> None:
    assert places(picture(0.03, 0.5), picture(0.02, 0.6)) == [2, 1]
    assert places(picture(0.03, 0.5), picture(0.02, 0.7)) == [1, 2]


def test_equal_pictures_share_a_rank() -> None:
    assert places(*[picture(0.03, 0.5)] * 2, picture(0.03, 0.6)) == [1, 1, 3]


def test_what_keeps_the_contents_colors_is_not_ranked_and_outdoes_nobody() -> None:
    plain, other = picture(0.03, 0.5, seed="0"), picture(0.02, 0.7, seed="1")
    kept = [picture(0.02, 0.4, color=color) for color in ("luminance", "histogram")]
    records = ranked(pd.DataFrame([plain, *kept, other]))
    assert list(records["rank"].fillna(0)) == [1, 0, 0, 2]
    assert list(records["best"]) == [True, False, False, False]
    assert list(records["pareto"]) == [True, False, False, True]
    assert list(records["unranked"] == KEEPS_COLORS) == [False, True, True, False]
    assert list(records["score"].notna()) == [True, False, False, True]


def test_a_front_is_of_several() -> None:
    single, other = picture(0.03, 0.5), picture(0.02, 0.7, content="dog")
    kept = picture(0.02, 0.4, color="luminance")  # not ranked, so the first is the only one
    assert not ranked(pd.DataFrame([single, kept, other]))["pareto"].any()


def test_the_first_by_a_metric_is_the_lowest_or_of_a_similarity_the_highest() -> None:
    pictures = [picture(0.03, 0.5, ssim=0.2, relaxed_emd=0.4), picture(0.02, 0.5, ssim=0.9, relaxed_emd=0.5)]
    assert places(*pictures) == [2, 1]
    assert places(*pictures, by="relaxed_emd") == [1, 2]
    assert places(*pictures, by="ssim") == [2, 1]
    records = ranked(pd.DataFrame(pictures), Ranking.parse("relaxed_emd"))
    assert list(records["best"]) == [True, False]
    assert set(records["ranked_by"]) == {"relaxed_emd"}


def test_the_mean_rank_is_that_of_the_ranks_within_each_content_and_style() -> None:
    """The second has the ranks 2, 2, 1; the others 1, 3, 2 and 3, 1, 3."""
    values = [(0.01, 0.6, 0.3), (0.03, 0.5, 0.4), (0.9, 0.1, 0.2)]
    pictures = [picture(style, content, ssim=ssim) for style, content, ssim in values]
    others = [line | {"content": "dog"} for line in reversed(pictures)]
    by = "mean(style_error, content_error, ssim)"
    assert places(*pictures, *others, by=by) == [2, 1, 3, 3, 1, 2]
    assert places(*pictures, *others) == [1, 2, 3, 3, 2, 1]


def test_what_lacks_a_metric_has_no_rank_by_it_and_displaces_nobody() -> None:
    pictures = [picture(0.01, 0.5, e_statistic=math.nan), *(picture(0.05, 0.5, e_statistic=e) for e in (-3.0, -2.0))]
    for by in ("e_statistic", "mean(e_statistic, content_error)"):
        assert [place if place == place else 0 for place in places(*pictures, by=by)] == [0, 2, 1]
    assert places(*pictures) == [1, 2, 2]


@pytest.mark.parametrize("by", ["ssim", "mean(ssim, content_error)"])
def test_kept_colors_are_not_ranked_by_any_metric(by: str) -> None:
    pictures = [picture(0.02, 0.2, ssim=0.9, color="luminance"), picture(0.02, 0.5, ssim=0.5)]
    records = ranked(pd.DataFrame(pictures), Ranking.parse(by))
    assert list(records["rank"].fillna(0)) == [0, 1]
    assert not records["best"].any()  # a single one is left


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30))
def test_pareto_front_is_that_of_brute_force(points: list[tuple[float, float]]) -> None:
    def beaten(p: tuple[float, float]) -> bool:
        return any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)

    expected = [p[0] == p[0] and p[1] == p[1] and not beaten(p) for p in points]
    assert pareto_front([p[0] for p in points], [p[1] for p in points]) == expected


@pytest.mark.parametrize(("setting", "is_open"), [("weights", True), ("tile", False), ("preset", False)])
def test_a_star_needs_a_setting_that_changes_the_image(setting: str, is_open: bool) -> None:
    pictures = [picture(0.03, 0.5, **{setting: "a"}), picture(0.02, 0.9, **{setting: "b"})]
    assert list(ranked(pd.DataFrame(pictures))["best"]) == [is_open, False]


def test_a_sweep_whose_best_is_known_before_has_no_star() -> None:
    weights = [picture(0.03, 0.5, style_weight="16"), picture(0.02, 0.9, style_weight="60")]
    assert list(ranked(pd.DataFrame(weights))["rank"]) == [1, 2]
    assert not ranked(pd.DataFrame(weights))["best"].any()
    assert list(ranked(pd.DataFrame(weights), Ranking.parse("style_error"))["best"]) == [False, True]
    others = [picture(0.03, 0.5, style_weight="16", size="256"), picture(0.02, 0.9, style_weight="60", size="512")]
    assert list(ranked(pd.DataFrame(others))["best"]) == [True, False]
    elsewhere = [line | {"content": "dog", "size": size} for line, size in zip(weights, ("256", "256"), strict=True)]
    both = ranked(pd.DataFrame([*others, *elsewhere]))
    assert list(both["best"]) == [True, False, False, False]
