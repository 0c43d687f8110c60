"""All Triton kernels. Each replaces several torch operations, and so several passes over GPU memory, by one.

Import this where Triton is installed only: see `available.kernels_for`. Feature maps are contiguous and channels-last.
Arithmetic is in float32, in `solve` in float64. Every kernel takes a batch. `+ 0 * block` broadcasts a number to a
block, because Triton's interpreter accepts only blocks in a mask.
"""

from nst.kernels.distances import gram_residual, scaled, squared_distance, squared_distance_backward, total_variation
from nst.kernels.maps import first_conv, first_conv_backward, max_pool, max_pool_backward, relu_backward
from nst.kernels.steps import PAIR_DTYPE, axpby, combine, dots, row_dots, secant_pair, solve, store_pair

__all__ = [
    "PAIR_DTYPE", "axpby", "combine", "dots", "first_conv", "first_conv_backward", "gram_residual", "max_pool",
    "max_pool_backward", "relu_backward", "row_dots", "scaled", "secant_pair", "solve", "squared_distance",
    "squared_distance_backward", "store_pair", "total_variation",
]  # fmt: skip
