"""The scales of an image, from coarse to fine: the size of each, its iterations, and what its settings change."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nst.settings.style_losses import STYLE_LOSSES
from nst.settings.values import Values

#: Iterations of the last pass of a style loss that has one, relative to those of the scale before: it converges fast.
LAST_PASS = 0.5


@dataclass(frozen=True)
class Scale:
    """One scale.

    Attributes:
        share: its size relative to that of the image. last: the number of its last iteration.
        changes: the values of settings that differ from the image's.
    """

    share: float
    last: int
    changes: dict[str, Any] = field(default_factory=dict)


def plan(settings: Values, long_side: int) -> list[Scale]:
    """The scales of an image whose long side has this many px, from coarse to fine."""
    count = _sizes(settings, long_side)
    octaves = round(math.log2(settings.scale_factor), 3)  # 1.414 is √2
    shares = [2 ** (octaves * (k + 1 - count)) for k in range(count)]
    changes = [_changes(settings, k) for k in range(count)]
    parts = [settings.scale_iterations**k for k in range(count)]
    if final := STYLE_LOSSES[settings.style_loss].final:
        shares.append(1.0)
        changes.append(changes[-1] | {"style_loss": final, "content_match": settings.content_match / 2})
        parts.append(parts[-1] * LAST_PASS)
    return [Scale(*each) for each in zip(shares, _last_iterations(settings.iterations, parts), changes, strict=True)]


def work(settings: Values, long_side: int) -> float:
    """Iterations at full size that take as long as those of all scales, for time in proportion to pixels."""
    scales = plan(settings, long_side)
    starts = [0, *(scale.last for scale in scales)]
    return sum((scale.last - start) * scale.share**2 for scale, start in zip(scales, starts, strict=False))


def passes(settings: Values, long_side: int) -> int:
    """The number of scales, with the last pass of style losses that have one: each needs an iteration."""
    return _sizes(settings, long_side) + bool(STYLE_LOSSES[settings.style_loss].final)


def _sizes(settings: Values, long_side: int) -> int:
    if not settings.coarsest:
        return settings.scales
    fitting = math.log(max(1, long_side / settings.coarsest), settings.scale_factor)
    return min(settings.scales, 1 + int(fitting + 1e-6))


def _changes(settings: Values, coarser: int) -> dict[str, Any]:
    """What differs at a scale after `coarser` coarser ones."""
    changes: dict[str, Any] = {}
    if settings.finer_content != 1:
        changes["content_weight"] = settings.content_weight * settings.finer_content**coarser
    if not coarser and settings.style_loss == "nnst":  # the image has nothing of the style yet
        changes["content_match"] = 1.0
    return changes


def _last_iterations(iterations: int, parts: list[float]) -> list[int]:
    """The last iteration of each scale, in proportion to its part of them; each has at least one."""
    count, lasts = len(parts), list[int]()
    for k in range(count):
        last = round(iterations * sum(parts[: k + 1]) / sum(parts))
        lasts.append(min(max(last, k + 1), iterations - (count - 1 - k)))
    return lasts
