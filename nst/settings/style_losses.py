"""The style losses that can be chosen."""

from __future__ import annotations

from typing import NamedTuple


class StyleLossEntry(NamedTuple):
    """Where a style loss is implemented, as `module:class`, and whether `normalization` applies to it."""

    home: str
    any_normalization: bool = False


#: What of the style can be matched. A new one is a line here and its module (`nst.losses.style`).
STYLE_LOSSES = {
    "gram": StyleLossEntry("nst.losses.gram:Gram", any_normalization=True),
    "covariance": StyleLossEntry("nst.losses.covariance:Covariance"),
    "wasserstein": StyleLossEntry("nst.losses.wasserstein:Wasserstein"),
}
