"""Stylization by optimization of the pixels (Gatys, Ecker & Bethge, arXiv:1508.06576).

`stylize` yields events; it neither accesses files nor prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nst.engine import color, style_weight
from nst.engine.canvas import NetworkCanvas
from nst.engine.level import Level, Pixels, check_masks, check_sides, is_tiled
from nst.engine.run import ImageState, Run
from nst.images import filled, resize
from nst.machine import runtime
from nst.settings import Settings, is_sampled
from nst.settings.scales import plan


@dataclass(frozen=True)
class Progress:
    """The event after each iteration: one forward and one backward pass.

    Attributes:
        iteration: counted from 1, over all scales. seconds: of optimization so far.
        losses: `content`, `style`, `tv`, with a photo_weight `photo` (without their weights), `total`, and one per
            layer, such as `style:conv1_1`.
        picture: returns the best image so far, (H, W, 3) float32 in 0..1; with `ema_decay` the running average, with
            losses of random samples the latest image.
        state: returns a checkpoint, the argument `resume` of `stylize`.
    """

    iteration: int
    losses: dict[str, float]
    seconds: float
    picture: Callable[[], Pixels]
    state: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Finished:
    """The last event: the best image, (H, W, 3) float32 in 0..1, its iteration and losses, and data on the run.

    Attributes:
        precision: bf16 or fp32. seconds: of the whole batch, with the keys `targets` and `optimize`.
        style_weight: that of the settings, or the result of `auto`. machine: see `runtime.conditions`.
        batch_size: images in the batch.
        network: with parameters `network`, the state dict of the trained `Transformation`.
    """

    pixels: Pixels
    iterations: int
    best_iteration: int
    losses: dict[str, float]
    precision: str
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    style_weight: float
    machine: dict[str, float]
    batch_size: int = 1
    network: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Transfer:
    """The inputs and settings of one image.

    Attributes:
        content: (H, W, 3) float32, sRGB in 0..1, at the size of the result (`settings.size` is not applied here).
        styles: one or more images, each (h, w, 3). blend: a weight for each style; equal where None.
        init: the initial image, (h, w, 3), where `settings.init` names a file.
        content_mask, style_mask: (h, w, 3), where the settings name them.
        alpha: (H, W) in 0..1, opacity of the content. Transparent parts are filled with the colors around them and
            count in no loss. The result is opaque: save it with the same alpha.
        protection: (H, W) in 0..1, where the content is kept, for the setting `protect`; None: nowhere.
    """

    content: Pixels
    styles: Sequence[Pixels]
    settings: Settings
    blend: Sequence[float] | None = None
    init: Pixels | None = None
    content_mask: Pixels | None = None
    style_mask: Pixels | None = None
    alpha: Pixels | None = None
    protection: Pixels | None = None

    @property
    def kind(self) -> tuple[Any, ...] | None:
        """Transfers of equal kind can be optimized as one batch. None: this one cannot be part of a batch."""
        s = self.settings
        masked = s.content_mask or s.style_mask or self.alpha is not None or self.protection is not None
        tiled = is_tiled(s, [self.content, *self.styles])
        single = s.parameters == "network" or s.style_weight == "auto" or tiled or s.tolerance or masked
        if single or is_sampled(s) or s.deterministic == "yes":  # rounding differs with the batch size
            return None
        return self.content.shape, len(self.styles), s.model_copy(update={"seed": 0})


def stylize(
    transfer: Transfer,
    *,
    state: dict[str, Tensor],
    device: str = "auto",
    threads: int = 0,
    resume: dict[str, Any] | None = None,
) -> Iterator[Progress | Finished]:
    """Stylize one pair.

    Args:
        state: the network's weights, from `nst.weights.load`.
        device: auto, cuda, mps or cpu. threads: of the CPU; 0 is torch's default.
        resume: the `state()` of an earlier Progress of the same pair and settings; cannot be used twice.
    Yields:
        a Progress for each of `settings.iterations` iterations, fewer with a `tolerance`, then one Finished.
    Raises:
        NstError: images are too small for the layers, the weights do not fit the network, a mask is missing or
            black, or no losses are finite.
    """
    for _, event in stylize_batch([transfer], state=state, device=device, threads=threads, resume=resume):
        assert event is not None
        yield event


def stylize_batch(
    transfers: Sequence[Transfer],
    *,
    state: dict[str, Tensor],
    device: str = "auto",
    threads: int = 0,
    resume: dict[str, Any] | None = None,
) -> Iterator[tuple[int, Progress | Finished | None]]:
    """Stylize transfers of equal `Transfer.kind` as one batch. The images do not depend on each other.

    Args:
        resume: as in `stylize`, for one transfer only.
    Yields:
        (index of a transfer, event), with the events of `stylize`. At the end None instead of Finished for a transfer
        whose 16-bit losses were not finite: stylize it again from scratch, by itself.
    Raises:
        NstError: as in `stylize`.
    """
    settings = transfers[0].settings
    device_used = runtime.torch_device(device)
    deterministic = settings.deterministic == "yes" or (settings.deterministic == "auto" and device_used.type == "cpu")
    runtime.set_up(device_used, threads=threads, deterministic=deterministic)
    started = time.perf_counter()
    full_size = [prepared(transfer, state, device_used) for transfer in transfers]
    inits = [transfer.init for transfer in transfers]
    dtype = runtime.compute_type(settings.precision, device_used)
    timing = {"targets": 0.0, "optimize": 0.0}
    run: Run | None = None
    for scale in plan(settings, max(full_size[0].content.shape)):
        last = scale.last
        if resume and resume["iteration"] > last:
            continue
        # Coarse to fine: each run starts from the result of the one before.
        run, resume = Run([level.at(scale) for level in full_size], inits, dtype, run, resume), None
        last = run.ends_at or last
        with run:
            timing["targets"] += time.perf_counter() - started
            started = time.perf_counter()
            before = timing["optimize"]
            while run.iteration < last:
                losses, shown = run.iterate(last=run.iteration + 1 == last)
                timing["optimize"] = before + time.perf_counter() - started
                # Before the event is yielded: a checkpoint must include these consequences of the iteration.
                run.fall_back_to_float32(last=run.iteration == last)
                style_weight.adjust(run, settings, last)
                if settings.tolerance and run.iteration + 1 < last == settings.iterations and run.may_stop(last):
                    last = run.ends_at = run.iteration + 1  # which evaluates the running average if there is one
                if run.recorded and run.iteration < last:  # computed while the caller handles the last event
                    run.start_iteration(last=run.iteration + 1 == last)
                for index, image in enumerate(run.images):
                    if not image.failed:
                        picture = partial(run.pixels, image.level, shown[index])
                        state_of = partial(run.state, index)
                        yield index, Progress(run.iteration, losses[index], timing["optimize"], picture, state_of)
        started = time.perf_counter()
    assert run is not None
    for index, image in enumerate(run.images):
        if warning := style_weight.warning(settings, image.style_weight, image.best_losses.get("style", 0.0)):
            image.warnings.append(warning)
        yield index, None if image.failed else _finish(run, image, timing)


def prepared(transfer: Transfer, state: dict[str, Tensor], device: torch.device) -> Level:
    """The level of a transfer at full size. Raises NstError where its images are too small or its masks unusable."""
    s, alpha = transfer.settings, transfer.alpha
    content = filled(transfer.content, alpha)
    ready, recolored = color.prepared(content, transfer.styles, s.color, alpha)
    mask = transfer.content_mask
    mask = None if mask is None else resize(mask, shape=content.shape[:2])
    shares = list(transfer.blend or [1.0] * len(transfer.styles))
    resolved = s.model_copy(update={"style_weight": style_weight.initial(s)})
    protection = None if transfer.protection is None else resize(transfer.protection, shape=content.shape[:2])
    level = Level(
        content, ready, recolored, shares, mask, transfer.style_mask, resolved, state, device, alpha, protection
    )
    check_masks(level)
    check_sides(level, plan(s, max(content.shape))[0])
    return level


def _finish(run: Run, image: ImageState, seconds: dict[str, float]) -> Finished:
    canvas, best = run.canvas, image.best_parameters()
    return Finished(
        pixels=run.pixels(image.level, best),
        iterations=run.iteration,
        best_iteration=image.best_iteration,
        losses=image.best_losses,
        precision=run.precision,
        seconds=dict(seconds),
        warnings=tuple(image.warnings),
        style_weight=image.style_weight,
        machine=runtime.conditions(run.device),
        batch_size=len(run.images),
        network=canvas.named_parameters(best) if isinstance(canvas, NetworkCanvas) else None,
    )
