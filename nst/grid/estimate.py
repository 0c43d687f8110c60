"""Rough estimates of time and memory for one image, from the operations of its network."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from nst.machine.cpu import cpu_has_bf16_units
from nst.settings import Settings, convolutions, is_sampled, scales, stride

# Measured with the images of data/ on an AMD EPYC with AVX512-BF16; nst grid says "about".

Hardware = Literal["bf16", "fp32", "gpu"]

#: Seconds from the start of the command to the first iteration.
START_SECONDS = 6.0
#: Floating-point operations per second in these networks: of a core with bf16 units, of one without, and of a GPU. The
#: last is a tenth of an A100's peak, because too long an estimate costs a cluster's user little.
FLOPS = {"bf16": 260e9, "fp32": 140e9, "gpu": 30e12}
#: Operations per pixel of a pass besides the convolutions: few compared with VGG's, many compared with lite's.
GLUE = 66e3
#: Passes per iteration: forward, and backward to the pixels only.
PASSES = 2.0
#: Megabytes of Python, torch and the weights; with a GPU also of CUDA's libraries.
BASE_MB = {"bf16": 1100.0, "fp32": 1200.0, "gpu": 4000.0}
#: Bytes per pixel of activations, gradients and optimizer state. For a GPU, the host memory of up to 16 images in
#: progress: files read, and frames to be written.
BYTES_PER_PIXEL = {"bf16": 3000.0, "fp32": 4800.0, "gpu": 1600.0}
#: The part of it that is needed for the whole image when it is processed in tiles: optimizer state and targets.
BYTES_PER_TILED_PIXEL = 850.0
#: Bytes per pixel of each style beyond the first (its colors as an array and as a tensor), and operations per pixel of
#: its pass through the reference network.
BYTES_PER_STYLE_PIXEL, REFERENCE_FLOPS = 24.0, 722e3
#: Of losses that compare sets of feature vectors: operations of their distances per iteration, which hardly depend on
#: the size, and the factor on the memory per pixel, for the vectors of content and style.
SAMPLED_FLOPS, SAMPLED_MEMORY = 100e9, 2.5
#: Halo around a tile in pixels (receptive field of conv5_1), and the slowdown by tiling.
HALO, TILED = 96, 1.7


def estimate(
    settings: Settings, content_size: tuple[int, int], cores: int, hardware: Hardware | None = None, *, styles: int = 1
) -> tuple[float, float]:
    """Estimated (seconds, megabytes) to stylize one image.

    Args:
        content_size: (width, height) in pixels; (0, 0) if unknown, for an aspect ratio of 4:3.
        cores: number of CPU cores; ignored for a GPU.
        hardware: kind of the cores, or gpu; None for the cores of this machine.
        styles: number of styles that are blended.
    """
    pixels = _pixels(settings, content_size)
    iterations = scales.work(settings, _long_side(settings, content_size))
    work = pixels * (flops_per_pixel(settings) + GLUE) * PASSES * iterations
    has_units = settings.precision != "fp32" and cpu_has_bf16_units()
    kind = hardware or ("bf16" if has_units else "fp32")
    memory = pixels * BYTES_PER_PIXEL[kind]
    window = (settings.tile + 2 * HALO) ** 2
    if settings.tile and window < pixels:
        work *= TILED
        memory = min(memory, window * BYTES_PER_PIXEL[kind] + pixels * BYTES_PER_TILED_PIXEL)
    if is_sampled(settings):
        work += SAMPLED_FLOPS * settings.iterations
        memory *= SAMPLED_MEMORY
    further = (styles - 1) * pixels * settings.style_scale**2
    work += further * (flops_per_pixel(settings) + REFERENCE_FLOPS)
    memory += further * BYTES_PER_STYLE_PIXEL
    speed = FLOPS[kind] * (1 if kind == "gpu" else cores)
    return START_SECONDS + work / speed, BASE_MB[kind] + memory / 1e6


def _pixels(settings: Settings, content_size: tuple[int, int]) -> float:
    width, height = content_size if all(content_size) else (4, 3)
    aspect = 1.0 if settings.fit == "square" else min(width, height) / max(width, height)
    return _long_side(settings, content_size) ** 2 * aspect


def _long_side(settings: Settings, content_size: tuple[int, int]) -> int:
    return settings.size or (max(content_size) if all(content_size) else 1024)


@lru_cache(maxsize=1024)
def flops_per_pixel(settings: Settings) -> float:
    """Operations per pixel of a forward pass up to the deepest layer used, including Gram matrices."""
    used = {*settings.content_layers, *settings.style_layers}
    flops, total, inputs = 0.0, 0.0, 3
    for name, channels in convolutions(settings.network).items():
        positions = 1 / stride(name) ** 2  # per pixel of the image
        total += 2 * 9 * inputs * channels * positions
        inputs = channels
        if name in settings.style_layers:
            total += 2 * channels**2 * positions
        if name in used:
            flops = total
    return flops


def minutes(seconds: float, attempt: int = 1) -> int:
    """Minutes to request from a cluster: three times the estimate, times the number of the attempt."""
    return max(5, math.ceil(3 * seconds / 60)) * attempt


def megabytes(estimated: float, attempt: int = 1) -> int:
    """Megabytes to request from a cluster; each retry adds half of the estimate."""
    return math.ceil(estimated * (0.5 + attempt / 2))
