"""One pair to a picture: the optimization of pixels (Gatys, Ecker & Bethge, arXiv:1508.06576).

`stylize` reads and writes no file and prints nothing; it yields what happens.
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
from nst.engine.level import Level, Pixels, check_masks, check_sides, scale_plan
from nst.engine.run import ImageState, Run
from nst.images import filled, resize
from nst.machine import runtime
from nst.settings import Settings


@dataclass(frozen=True)
class Progress:
    """After one iteration: its number (from 1), the losses there, and the picture on demand.

    `losses` holds content, style, tv (unweighted), total, and a value a layer (`style:conv1_1`). `picture` gives the
    best picture so far, (H, W, 3) float32 in 0..1. `state` gives what `resume` takes.
    """

    iteration: int
    losses: dict[str, float]
    seconds: float
    picture: Callable[[], Pixels]
    state: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Finished:
    """The best picture of the run, (H, W, 3) float32 in 0..1, and what led to it."""

    pixels: Pixels
    iterations: int
    best_iteration: int
    losses: dict[str, float]
    precision: str
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    style_weight: float
    """Of the style loss in the end: the settings', or what auto has found."""
    machine: dict[str, float]
    """Threads, whether the algorithms were deterministic, and the most memory held."""
    batch_size: int = 1
    """Pictures that were stylized at the same time: `seconds` is theirs."""
    network: dict[str, Tensor] | None = None
    """The trained parameters with method `network`, as `Transformation.load_state_dict` takes them."""


@dataclass(frozen=True)
class Transfer:
    """What one picture is stylized from and how: see `stylize`."""

    content: Pixels
    styles: Sequence[Pixels]
    settings: Settings
    blend: Sequence[float] | None = None
    init: Pixels | None = None
    content_mask: Pixels | None = None
    style_mask: Pixels | None = None
    alpha: Pixels | None = None

    @property
    def kind(self) -> tuple[Any, ...] | None:
        """Subjects of an equal kind can be stylized together; None: only alone."""
        s = self.settings
        masked = s.content_mask or s.style_mask or self.alpha is not None
        alone = s.method != "pixels" or s.style_weight == "auto" or s.tile or masked
        if alone or s.deterministic == "yes":  # in a batch rounding is another
            return None
        return self.content.shape, len(self.styles), s.model_copy(update={"seed": 0})


def stylize(
    content: Pixels,
    styles: Sequence[Pixels],
    settings: Settings | None = None,
    *,
    state: dict[str, Tensor],
    blend: Sequence[float] | None = None,
    init: Pixels | None = None,
    content_mask: Pixels | None = None,
    style_mask: Pixels | None = None,
    alpha: Pixels | None = None,
    device: str = "auto",
    threads: int = 0,
    resume: dict[str, Any] | None = None,
) -> Iterator[Progress | Finished]:
    """Stylize one pair.

    Args:
        content: (H, W, 3) float32, sRGB in 0..1, at the size of the result (`settings.size` is applied on reading).
        styles: one or more pictures, each (h, w, 3).
        settings: how; the package's defaults where None.
        state: the network's weights (`nst.weights.load`).
        blend: a weight for each style; equal where None.
        init: the picture to begin from, (h, w, 3), where `settings.init` names a file.
        content_mask, style_mask: (h, w, 3), where the settings name them.
        alpha: (H, W) in 0..1, of a content with transparent parts: these take the colors around them, and count in
            no loss. The finished picture is opaque: save it with the same alpha.
        device: auto, cuda, mps or cpu. threads: of the CPU; 0 leaves torch's choice.
        resume: the `state()` of an earlier Progress of the same pair and settings.
    Yields:
        a Progress for each of `settings.iterations` iterations, then one Finished.
    Raises:
        NstError: pictures too small for the layers, weights that do not fit, or losses that never become finite.
    """
    transfer = Transfer(content, styles, settings or Settings(), blend, init, content_mask, style_mask, alpha)
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
    """Stylize pictures of one `Transfer.kind` at the same time, each on its own course, as if alone.

    Args:
        resume: for a transfer that is alone.
    Yields:
        the index of a transfer and what `stylize` would yield of it; None where it cannot be finished in a batch,
        because its 16-bit losses are not finite: to be stylized alone, from the beginning.
    """
    settings = transfers[0].settings
    device_used = runtime.torch_device(device)
    deterministic = settings.deterministic == "yes" or (settings.deterministic == "auto" and device_used.type == "cpu")
    runtime.set_up(device_used, threads=threads, deterministic=deterministic)
    started = time.perf_counter()
    whole = [prepared(transfer, state, device_used) for transfer in transfers]
    inits = [transfer.init for transfer in transfers]
    dtype = runtime.compute_type(settings.precision, device_used)
    timing = {"targets": 0.0, "optimize": 0.0}
    run: Run | None = None
    for shape, last in scale_plan(whole[0].content.shape[:2], settings):
        if resume and resume["iteration"] > last:
            continue
        # Coarse to fine: each run starts from the result of the one before.
        run, resume = Run([level.at(shape) for level in whole], inits, dtype, run, resume), None
        with run:
            timing["targets"] += time.perf_counter() - started
            started = time.perf_counter()
            before = timing["optimize"]
            while run.iteration < last:
                losses, shown = run.evaluate(last=run.iteration + 1 == last)
                timing["optimize"] = before + time.perf_counter() - started
                # Before others see the state: who resumes from it must not miss what follows from this iteration.
                run.fall_back_to_float32()
                style_weight.adjust(run, settings, last)
                if run.recorded and run.iteration < last:  # the GPU computes while others look at the last result
                    run.begin(last=run.iteration + 1 == last)
                for index, image in enumerate(run.images):
                    if not image.failed:
                        look, state_of = partial(run.pixels, image.level, shown[index]), partial(run.state, index)
                        yield index, Progress(run.iteration, losses[index], timing["optimize"], look, state_of)
        started = time.perf_counter()
    assert run is not None
    for index, image in enumerate(run.images):
        if warning := style_weight.missed(settings, image.style_weight, image.best_losses.get("style", 0.0)):
            image.warnings.append(warning)
        yield index, None if image.failed else _finish(run, image, timing)


def prepared(transfer: Transfer, state: dict[str, Tensor], device: torch.device) -> Level:
    """What a transfer is stylized with; NstError where that cannot be."""
    s, alpha = transfer.settings, transfer.alpha
    content = filled(transfer.content, alpha)
    ready, recolored = color.prepared(content, transfer.styles, s.color, alpha)
    mask = transfer.content_mask
    mask = None if mask is None else resize(mask, shape=content.shape[:2])
    shares = list(transfer.blend or [1.0] * len(transfer.styles))
    resolved = s.model_copy(update={"style_weight": style_weight.first(s)})
    level = Level(content, ready, recolored, shares, mask, transfer.style_mask, resolved, state, device, alpha)
    check_masks(level)
    check_sides(level.at(scale_plan(content.shape[:2], s)[0][0]))
    return level


def _finish(run: Run, image: ImageState, seconds: dict[str, float]) -> Finished:
    canvas, best = run.canvas, image.so_far()
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
        network=canvas.state(best) if isinstance(canvas, NetworkCanvas) else None,
    )
