"""The metrics of any image for a content and a style, whatever program made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nst.pair.sources import Sources

if TYPE_CHECKING:
    from nst.metrics import Metrics


def evaluate(
    image: str,
    content: str,
    styles: Sequence[tuple[str, float]],
    *,
    sources: Sources,
    network: str = "vgg19",
    weights: str | None = None,
    device: str = "auto",
) -> Metrics:
    """The metrics of an image. `styles`: paths with weights; `weights`: as in `ReferenceNetwork.load`.

    Raises NstError if an image cannot be read, or the network's weights are missing or unusable.
    """
    original = sources.read(content)
    pixels = sources.read(image).pixels
    side = max(pixels.shape[:2])  # as for run.json, but never enlarged: styles at full size would take much memory
    sizes = [min(side, max(sources.size(path))) for path, _ in styles]
    references = [
        sources.read(path, long_side=size).on_white().pixels for (path, _), size in zip(styles, sizes, strict=True)
    ]
    from nst import metrics  # imports torch, which takes longer than finding a wrong path

    return metrics.evaluate(
        pixels,
        original.pixels,
        references,
        by=metrics.ReferenceNetwork.load(network, weights),
        blend=[share for _, share in styles],
        alpha=original.alpha,
        device=device,
    )
