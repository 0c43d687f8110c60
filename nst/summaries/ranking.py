"""Ranks of the images of one content and style, their best, and their Pareto front."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nst.settings import INEFFECTIVE, fields
from nst.settings.metrics import RANKED, STYLE_FACTOR, Ranking

if TYPE_CHECKING:
    import pandas as pd

#: Reason why a finished image is not ranked.
KEEPS_COLORS = "keeps the content's colors, which the style error counts as missing style"

#: Settings whose best value by the score is known before: a sweep of weights has its lowest score near the default,
#: whatever the images are, and one of style_scale at 1 (docs/explanation/metrics.md).
PREDICTABLE = {"style_weight", "content_weight", "style_scale"}

#: Results are ranked within groups with the same content, style and reference network.
GROUP = ["content", "style", "reference"]

DEFAULT = Ranking()


def ranked(records: pd.DataFrame, by: Ranking = DEFAULT) -> pd.DataFrame:
    """Add the columns `score`, `rank`, `ranked_by`, `best`, `pareto` and `unranked`.

    `score` is content_error + STYLE_FACTOR · style_error. `rank` (by the metrics of `ranked_by`), `best` (whether the
    rank is the first of several; by the score, only where more than PREDICTABLE varies) and `pareto` (whether it is on
    the front of several) are computed among the pairs of the same content, style and reference. Images that keep the
    content's colors are not ranked; `unranked` has the reason. An image without one of the metrics has no rank either:
    it was made before nst computed it, or without the package for it.
    """
    unranked = records["style_error"].notna() & (records["color"] != "style")
    records["unranked"] = unranked.map({True: KEEPS_COLORS, False: ""})
    records["score"] = (records["content_error"] + STYLE_FACTOR * records["style_error"]).mask(unranked)
    values = _mean_ranks(records, by).mask(unranked)
    groups = records.assign(value=values)[values.notna()].groupby(GROUP)["value"]
    records["rank"] = groups.rank(method="min")
    records["ranked_by"] = str(by)
    records["best"] = (records["rank"] == 1) & (groups.transform("size") > 1)  # a single one is not the best
    if by == DEFAULT:
        records["best"] &= _is_open(records[records["rank"].notna()]).reindex(records.index, fill_value=False)
    records["pareto"] = False
    for _, group in records[records["score"].notna()].groupby(GROUP):
        if len(group) > 1:  # a single one competes with none
            records.loc[group.index, "pareto"] = pareto_front(group["style_error"], group["content_error"])
    return records


def _is_open(records: pd.DataFrame) -> pd.Series:
    """Whether a ranked pair has rivals that differ in other settings than those whose best value is known before."""
    settings = [name for name in fields() if name in records.columns and name not in INEFFECTIVE | PREDICTABLE]
    varied = [name for name in settings if records[name].nunique() > 1]
    if not varied:
        return records["rank"].isna()  # no pair is: all have a rank
    return (records.groupby(GROUP)[varied].transform("nunique") > 1).any(axis=1)


def _mean_ranks(records: pd.DataFrame, by: Ranking) -> pd.Series:
    """The number that ranks the images, lower is better: a metric, or the mean of the ranks by several."""
    signed = records[[*by.names]] * [-1 if RANKED[name].higher_is_better else 1 for name in by.names]
    if len(by.names) == 1:
        return signed[by.names[0]]
    rivals = signed[signed.notna().all(axis=1) & (records["unranked"] == "")]
    ranks = rivals.groupby([records.loc[rivals.index, name] for name in GROUP]).rank()
    return ranks.mean(axis=1).reindex(records.index)


def pareto_front(first: Iterable[float], second: Iterable[float]) -> list[bool]:
    """Whether each point is on the Pareto front of two errors: no other point is as low in both and lower in one.

    Of equal points all are on the front, or none. A point with NaN never is.
    """
    points = list(zip(first, second, strict=True))
    front = [False] * len(points)
    best = (math.inf, math.inf)
    # In order of the first error, a point is on the front if it is lower than all before it.
    for point, i in sorted((point, i) for i, point in enumerate(points) if not any(map(math.isnan, point))):
        if point[1] < best[1]:
            best = point
        front[i] = point == best
    return front
