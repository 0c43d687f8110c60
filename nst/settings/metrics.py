"""The reference metrics, declared once: evaluation, tables, gallery and ranks use this list."""

from __future__ import annotations

import re
from typing import NamedTuple

from nst.settings.wording import did_you_mean


class Metric(NamedTuple):
    """A number in run.json by which images are compared, its name on pages and what it means."""

    label: str
    help: str
    higher_is_better: bool = False


#: By their names in run.json and in tables.
METRICS: dict[str, Metric] = {
    "style_error": Metric(
        "style error",
        "squared error of the reference network's Gram matrices, relative to the style's; lower is better",
    ),
    "content_error": Metric(
        "content error",
        "squared error of the reference network's features, relative to the content's; lower is better",
    ),
    "ssim": Metric(
        "SSIM to the content",
        "structural similarity of the luminance to that of the content; 1 is equal",
        higher_is_better=True,
    ),
    "relaxed_emd": Metric(
        "relaxed EMD",
        "relaxed earth mover's distance from the style's features on conv1_2, 2_2, 3_3 and 4_3; lower is better",
    ),
    "sliced_wasserstein": Metric(
        "sliced Wasserstein",
        "sliced Wasserstein distance from the style's features on conv1_2, 2_2, 3_3 and 4_3, relative to their mean "
        "square; lower is better",
    ),
    "portilla_simoncelli": Metric(
        "Portilla–Simoncelli",
        "distance from the style's texture statistics, without a neural network; lower is better",
    ),
    "e_statistic": Metric(
        "E statistic",
        "negative logarithm of the divergence from the style's features (Yeh et al. 2019, not calibrated); "
        "higher is better",
        higher_is_better=True,
    ),
    "self_similarity": Metric(
        "self-similarity",
        "difference of the self-similarities of image and content on conv3_3 and 4_3; lower is better",
    ),
}

#: Factor of the style error in the score, chosen by comparing images (docs/explanation/metrics.md).
STYLE_FACTOR = 16

#: Formula of `score`, for pages.
SCORE = f"content error + {STYLE_FACTOR} × style error"

#: What images can be ranked by. `score` is not in run.json; `nst.summaries.ranking` computes it.
RANKED = {**METRICS, "score": Metric(SCORE, f"{SCORE}; lower is better")}


class Ranking(NamedTuple):
    """What images are ranked by: one metric, or the mean of their ranks by several."""

    names: tuple[str, ...] = ("score",)

    @classmethod
    def parse(cls, text: str) -> Ranking:
        """Read `relaxed_emd` or `mean(style_error, relaxed_emd)`.

        Raises ValueError for an unknown name, a name given twice, or a mean of fewer than two.
        """
        mean = re.fullmatch(r"\s*mean\s*\((.*)\)\s*", text)
        names = tuple(name.strip() for name in (mean[1].split(",") if mean else [text]))
        for name in names:
            if name not in RANKED:
                known = did_you_mean(name, RANKED) or f"; choose one of {', '.join(RANKED)}, or mean(…, …) of several"
                raise ValueError(f"{name!r} is no metric{known}")
        if len(set(names)) < len(names):
            raise ValueError(f"{text!r} names a metric twice; name each once")
        if mean and len(names) < 2:
            raise ValueError(f"{text!r} is the mean of one metric; write {names[0]}")
        return cls(names)

    def __str__(self) -> str:
        return self.names[0] if len(self.names) == 1 else f"mean({', '.join(self.names)})"

    @property
    def best(self) -> str:
        """What distinguishes the best image, for pages: `lowest relaxed EMD`."""
        first = RANKED[self.names[0]]
        if len(self.names) == 1:
            return f"{'highest' if first.higher_is_better else 'lowest'} {first.label}"
        labels = ["score" if name == "score" else RANKED[name].label for name in self.names]
        return f"lowest mean rank by {', '.join(labels[:-1])} and {labels[-1]}"
