"""The table of style losses."""

from __future__ import annotations

from typing import NamedTuple


class StyleLossEntry(NamedTuple):
    """A style loss.

    Attributes:
        implementation: its class, as `module:class`.
        has_normalization: whether `normalization` applies to it.
        has_statistics: whether it compares means over positions (`nst.losses.style`), which tiles can sum, or sets of
            feature vectors (`nst.losses.sampled`).
        has_deviations: whether it compares deviations from a mean relative to those of the style, for which a style
            needs more than one position.
        final: the style loss of an additional pass at full size; '' for none.
    """

    implementation: str
    has_normalization: bool = False
    has_statistics: bool = True
    has_deviations: bool = False
    final: str = ""


#: The choices of `style_loss`. To add one, add a line here and its module (`nst.losses.style`, `nst.losses.sampled`).
STYLE_LOSSES = {
    "gram": StyleLossEntry("nst.losses.gram:Gram", has_normalization=True),
    "covariance": StyleLossEntry("nst.losses.covariance:Covariance", has_deviations=True),
    "wasserstein": StyleLossEntry("nst.losses.wasserstein:Wasserstein"),
    "moments": StyleLossEntry("nst.losses.moments:Moments", has_deviations=True),
    "sliced": StyleLossEntry("nst.losses.sliced:Sliced", has_statistics=False),
    "remd": StyleLossEntry("nst.losses.remd:RelaxedEMD", has_statistics=False),
    "nearest": StyleLossEntry("nst.losses.nearest:Nearest", has_statistics=False),
    "nnst": StyleLossEntry("nst.losses.nnst:Hypercolumns", has_statistics=False, final="nearest"),
}
