"""The setting `tolerance`: an optimization ends when its remaining iterations are predicted to gain little."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Iterations before the first prediction.
FEWEST = 20


def remaining_gain(lowest: Sequence[float], iterations: int) -> float:
    """The predicted decrease of the loss from now to the last iteration, relative to the loss now.

    The lowest loss after k iterations is about a + b / √k: a and b follow from now and from half as many iterations.

    lowest: the lowest total loss after each iteration so far, from 1. iterations: of the whole optimization.
    """
    now = len(lowest)
    if now < FEWEST:
        return math.inf
    half = now // 2
    decrease = (lowest[half - 1] - lowest[-1]) / (math.sqrt(now / half) - 1)  # b / √now
    return decrease * (1 - math.sqrt(now / iterations)) / abs(lowest[-1]) if lowest[-1] else 0.0
