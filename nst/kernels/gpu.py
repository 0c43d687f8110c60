"""Kernels of an NVIDIA GPU, in Triton, for what takes several passes over memory otherwise.

Only to be imported where Triton is there: `available.kernels_for`. Feature maps are channels-last in memory, with no
gaps; arithmetic is in float32, of a few numbers in float64. Each works on a batch of pictures. `+ 0 * block`
makes a block of a number where Triton's interpreter wants a mask of blocks only.
"""

from nst.kernels.distances import deviate, distance_slope, scaled, squared_distance, variation
from nst.kernels.maps import enter, gate, leave, pool, spread
from nst.kernels.steps import REMEMBERED, combine, measure, mix, onto, solve, take, weigh

__all__ = [
    "REMEMBERED", "combine", "deviate", "distance_slope", "enter", "gate", "leave", "measure", "mix", "onto", "pool",
    "scaled", "solve", "spread", "squared_distance", "take", "variation", "weigh",
]  # fmt: skip
