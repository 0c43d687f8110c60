"""The reference metrics, declared once: evaluation, tables, gallery and ranks use this list."""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """A number in run.json that images are compared by. `label`: its name on pages. `sees`: style or content."""

    label: str
    help: str
    sees: str
    higher_is_better: bool = False


#: By their names in run.json and in tables.
METRICS: dict[str, Metric] = {
    "style_error": Metric(
        "style error",
        "squared error of the reference network's Gram matrices, relative to the style's; lower is better",
        "style",
    ),
    "content_error": Metric(
        "content error",
        "squared error of the reference network's features, relative to the content's; lower is better",
        "content",
    ),
    "ssim": Metric(
        "SSIM to the content",
        "structural similarity of the luminance to that of the content; 1 is equal",
        "content",
        higher_is_better=True,
    ),
    "relaxed_emd": Metric(
        "relaxed EMD",
        "relaxed earth mover's distance from the style's features on conv1_2, 2_2, 3_3 and 4_3; lower is better",
        "style",
    ),
    "sliced_wasserstein": Metric(
        "sliced Wasserstein",
        "sliced Wasserstein distance from the style's features on conv1_2, 2_2, 3_3 and 4_3, relative to their mean "
        "square; lower is better",
        "style",
    ),
    "portilla_simoncelli": Metric(
        "Portilla–Simoncelli",
        "distance from the style's texture statistics, without a neural network; lower is better",
        "style",
    ),
    "e_statistic": Metric(
        "E statistic",
        "negative logarithm of the divergence from the style's features (Yeh et al. 2019, not calibrated); "
        "higher is better",
        "style",
        higher_is_better=True,
    ),
    "self_similarity": Metric(
        "self-similarity",
        "difference of the self-similarities of image and content on conv3_3 and 4_3; lower is better",
        "content",
    ),
}
