"""nst.settings.metrics: what images can be ranked by."""

from __future__ import annotations

import pytest

from nst.settings.metrics import METRICS, RANKED, SCORE, Ranking


@pytest.mark.parametrize("text", [*RANKED, "mean(style_error, relaxed_emd)", "mean(score, ssim, e_statistic)"])
def test_a_ranking_is_its_text(text):
    assert str(Ranking.parse(text)) == text
    assert str(Ranking.parse(f" {text.replace(', ', ',')} ")) == text


def test_rankings_have_a_name_for_pages():
    assert str(Ranking()) == "score"
    assert Ranking().best == f"lowest {SCORE}"
    assert Ranking.parse("ssim").best == "highest SSIM to the content"
    assert Ranking.parse("mean(score, relaxed_emd, ssim)").best == (
        "lowest mean rank by score, relaxed EMD and SSIM to the content"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("relaxed_em", "'relaxed_em' is no metric; did you mean relaxed_emd?"),
        ("beauty", "'beauty' is no metric; choose one of style_error, content_error, .*, or mean"),
        ("", "'' is no metric"),
        ("mean()", "'' is no metric"),
        ("mean(ssim)", r"'mean\(ssim\)' is the mean of one metric; write ssim"),
        ("mean(ssim, ssim)", "names a metric twice; name each once"),
        ("ssim, score", "'ssim, score' is no metric"),
    ],
)
def test_what_is_no_ranking_is_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        Ranking.parse(given)


def test_metrics_say_which_direction_is_better():
    for name, metric in METRICS.items():
        direction = "higher" if metric.higher_is_better else "lower"
        assert metric.help.endswith(("; 1 is equal", f"; {direction} is better")), name
