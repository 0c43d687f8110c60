"""`style_weight: auto`: a search for the weight that leads to `target_style_loss`, during the optimization.

On every pair the final style loss is about proportional to the same power of the weight, so a few corrections suffice.
The lowest score (docs/explanation/metrics.md) needs no search: with VGG-19 the default weight has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nst.settings import Settings

if TYPE_CHECKING:
    from nst.engine.run import Run

#: Initial weight of a search, in content weights.
START = 6.0
#: Shares of the iterations after which the weight is corrected.
CORRECTIONS = (0.2, 0.35, 0.5, 0.65, 0.8)
#: The style loss is about proportional to weight^-POWER: 0.221 at 0.5, 0.084 at 2, 0.030 at 10, 0.012 at 50.
POWER = 0.64
#: Largest factor by which one correction changes the weight, up or down.
LARGEST_FACTOR = 10.0
#: Bounds of the weight, in content weights.
RANGE = (1e-3, 1e5)
#: The search succeeds where the style loss is within this factor of its target.
TOLERANCE = 1.5


def initial(settings: Settings) -> float:
    """The initial style weight: that of the settings, with `auto` that of a search."""
    return START * settings.content_weight if settings.style_weight == "auto" else float(settings.style_weight)


def adjust(run: Run, settings: Settings, last: int) -> None:
    """Correct the weight of a run of one image if a correction is due; last: the last iteration of the scale."""
    if settings.style_weight != "auto" or run.iteration >= settings.iterations:
        return
    due = {max(1, round(share * settings.iterations)) for share in CORRECTIONS}
    if run.iteration in due and run.only_image.best is not None:
        weight = corrected(settings, run.only_image.style_weight, run.only_image.best_losses["style"])
        run.set_style_weight(weight, keep=run.iteration == last)


def corrected(settings: Settings, weight: float, style: float) -> float:
    """The weight expected to bring the style loss to its target."""
    factor = (style / settings.target_style_loss) ** (1 / POWER)
    low, high = (bound * settings.content_weight for bound in RANGE)
    return min(max(weight * min(max(factor, 1 / LARGEST_FACTOR), LARGEST_FACTOR), low), high)


def warning(settings: Settings, weight: float, style: float) -> str:
    """A warning that a search has missed its target; '' where it has reached it, or there was no search."""
    if settings.style_weight != "auto" or 1 / TOLERANCE <= style / settings.target_style_loss <= TOLERANCE:
        return ""
    return (
        f"style_weight auto: the style loss is {style:.3g} at the final weight {weight:.3g}, target_style_loss is "
        f"{settings.target_style_loss:.3g}; increase `iterations`, or change `target_style_loss`"
    )
