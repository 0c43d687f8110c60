"""The table of style losses."""

from __future__ import annotations

from typing import NamedTuple


class StyleLossEntry(NamedTuple):
    """Where a style loss is implemented, as `module:class`, and whether `normalization` applies to it."""

    implementation: str
    has_normalization: bool = False


#: The choices of `style_loss`. To add one, add a line here and its module (see `nst.losses.style`).
STYLE_LOSSES = {
    "gram": StyleLossEntry("nst.losses.gram:Gram", has_normalization=True),
    "covariance": StyleLossEntry("nst.losses.covariance:Covariance"),
    "wasserstein": StyleLossEntry("nst.losses.wasserstein:Wasserstein"),
}
