"""`style_weight: auto`: the weight of the style is found while the picture is stylized.

The style loss falls by about the same power of its weight on every pair, so a few corrections bring it to a wanted
value. The lowest score (docs/metrics.md) needs no search: with VGG-19 it is the default weight's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nst.settings import Settings

if TYPE_CHECKING:
    from nst.engine.run import Run

#: The weight that a search begins with.
START = 6.0
#: Shares of the iterations after which the weight is corrected; the rest is for the last one.
TURNS = (0.2, 0.35, 0.5, 0.65, 0.8)
#: The style loss is about proportional to weight^-POWER: 0.221 at 0.5, 0.084 at 2, 0.030 at 10, 0.012 at 50.
POWER = 0.64
#: Most that one correction multiplies or divides the weight by.
LARGEST = 10.0
#: Where the search ends in either direction, in content weights.
RANGE = (1e-3, 1e5)
#: A style loss within this factor of its goal has reached it.
NEAR = 1.5


def first(settings: Settings) -> float:
    """The weight to begin with: that of the settings, or for auto the beginning of a search."""
    if settings.style_weight != "auto":
        return float(settings.style_weight)
    return START * settings.content_weight


def is_turn(settings: Settings, iteration: int) -> bool:
    """Whether the weight is corrected after an iteration."""
    if settings.style_weight != "auto":
        return False
    return iteration < settings.iterations and iteration in {
        max(1, round(share * settings.iterations)) for share in TURNS
    }


def adjust(run: Run, settings: Settings, last: int) -> None:
    """Correct the weight where it is time, which only an image alone has; last: the iteration that ends the scale."""
    if is_turn(settings, run.iteration) and run.alone.best is not None:
        weight = corrected(settings, run.alone.style_weight, run.alone.best_losses["style"])
        run.set_style_weight(weight, keep=run.iteration == last)


def corrected(settings: Settings, weight: float, style: float) -> float:
    """The weight that brings a style loss to its goal."""
    factor = (style / settings.target_style_loss) ** (1 / POWER)
    low, high = (bound * settings.content_weight for bound in RANGE)
    return min(max(weight * min(max(factor, 1 / LARGEST), LARGEST), low), high)


def missed(settings: Settings, weight: float, style: float) -> str:
    """A sentence where a search has not reached its goal; '' where it has, or none was asked for."""
    if settings.style_weight != "auto" or 1 / NEAR <= style / settings.target_style_loss <= NEAR:
        return ""
    return (
        f"style_weight auto came to {weight:.3g} and a style loss of {style:.3g} where target_style_loss is "
        f"{settings.target_style_loss:.3g}; give it more iterations, or another goal"
    )
