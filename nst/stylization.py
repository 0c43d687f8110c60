"""One pair to a picture: the optimisation of pixels (Gatys, Ecker & Bethge, arXiv:1508.06576).

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

from nst import balance, devices, recolour
from nst.canvas import NetworkCanvas
from nst.images import filled, resize
from nst.run import Picture, Run
from nst.scales import Pair, Pixels, check_masks, check_sides, scale_plan
from nst.settings import Settings


@dataclass(frozen=True)
class Progress:
    """After one evaluation: its number (from 1), the losses there, and the picture on demand.

    `losses` holds content, style, tv (unweighted), total, and a value a layer (`style:conv1_1`). `picture` gives the
    best picture so far, (H, W, 3) float32 in 0..1. `state` gives what `resume` takes.
    """

    evaluation: int
    losses: dict[str, float]
    seconds: float
    picture: Callable[[], Pixels]
    state: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Finished:
    """The best picture of the run, (H, W, 3) float32 in 0..1, and what led to it."""

    pixels: Pixels
    evaluations: int
    best_evaluation: int
    losses: dict[str, float]
    precision: str
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    style_weight: float
    """Of the style loss in the end: the settings', or what auto has found."""
    machine: dict[str, float]
    """Threads, whether the algorithms were deterministic, and the most memory held."""
    together: int = 1
    """Pictures that were painted at the same time: `seconds` is theirs."""
    network: dict[str, Tensor] | None = None
    """The trained parameters with method `network`, as `Transformation.load_state_dict` takes them."""


@dataclass(frozen=True)
class Subject:
    """What one picture is painted from and how: see `stylize`."""

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
        """Subjects of an equal kind can be painted together; None: only alone."""
        s = self.settings
        masked = s.content_mask or s.style_mask or self.alpha is not None
        alone = s.method != "pixels" or s.style_weight == "auto" or s.tile or masked
        if alone or s.deterministic == "yes":  # in company rounding is another
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
    """Paint one pair.

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
        a Progress for each of `settings.iterations` evaluations, then one Finished.
    Raises:
        NstError: pictures too small for the layers, weights that do not fit, or losses that never become finite.
    """
    subject = Subject(content, styles, settings or Settings(), blend, init, content_mask, style_mask, alpha)
    for _, event in together([subject], state=state, device=device, threads=threads, resume=resume):
        assert event is not None
        yield event


def together(
    subjects: Sequence[Subject],
    *,
    state: dict[str, Tensor],
    device: str = "auto",
    threads: int = 0,
    resume: dict[str, Any] | None = None,
) -> Iterator[tuple[int, Progress | Finished | None]]:
    """Paint pictures of one `Subject.kind` at the same time, each on its own course, as if alone.

    Args:
        resume: for a subject that is alone.
    Yields:
        the index of a subject and what `stylize` would yield of it; None where it cannot be finished in company,
        because its 16-bit losses are not finite: to be painted alone, from the beginning.
    """
    settings = subjects[0].settings
    where = devices.torch_device(device)
    devices.set_up(where, threads=threads, deterministic=settings.deterministic != "no" and _orderly(settings, where))
    started = time.perf_counter()
    pairs = [prepared(subject, state, where) for subject in subjects]
    timing = {"targets": 0.0, "optimise": 0.0}
    run: Run | None = None
    for shape, last in scale_plan(pairs[0].content.shape[:2], settings):
        if resume and resume["evaluation"] > last:
            continue
        inits = [subject.init for subject in subjects]
        run = Run([pair.at(shape) for pair in pairs], inits, devices.compute_type(settings.precision, where), run)
        if resume:
            run.restore(resume)
            resume = None
        run.aim()
        timing["targets"] += time.perf_counter() - started
        started = time.perf_counter()
        before = timing["optimise"]
        try:
            while run.evaluation < last:
                losses, shown = run.evaluate(last=run.evaluation + 1 == last)
                timing["optimise"] = before + time.perf_counter() - started
                # Before others see the state: who goes on from it must not miss what follows from this evaluation.
                if len(run.pictures) == 1:
                    run.widen_if_blind()
                if balance.is_turn(settings, run.evaluation) and run.alone.best is not None:
                    weight = balance.corrected(settings, run.alone.style_weight, run.alone.best_losses["style"])
                    run.weigh_style(weight, keep=run.evaluation == last)
                if run.recorded and run.evaluation < last:  # the GPU goes on while others look at what it has done
                    run.begin(last=run.evaluation + 1 == last)
                for index, picture in enumerate(run.pictures):
                    if not picture.lost:
                        look, state_of = partial(run.pixels, picture.pair, shown[index]), partial(run.state, index)
                        yield index, Progress(run.evaluation, losses[index], timing["optimise"], look, state_of)
        finally:  # also where nobody wants to hear the rest
            run.release()
        started = time.perf_counter()
    assert run is not None
    for index, picture in enumerate(run.pictures):
        if sentence := balance.missed(settings, picture.style_weight, picture.best_losses.get("style", 0.0)):
            picture.warnings.append(sentence)
        yield index, None if picture.lost else _finish(run, picture, timing)


def prepared(subject: Subject, state: dict[str, Tensor], device: torch.device) -> Pair:
    """What a subject is painted with; NstError where that cannot be."""
    s, alpha = subject.settings, subject.alpha
    content = filled(subject.content, alpha)
    ready, recoloured = recolour.prepared(content, subject.styles, s.color, alpha)
    mask = subject.content_mask
    mask = None if mask is None else resize(mask, shape=content.shape[:2])
    shares = list(subject.blend or [1.0] * len(subject.styles))
    resolved = s.model_copy(update={"style_weight": balance.first(s)})
    pair = Pair(content, ready, recoloured, shares, mask, subject.style_mask, resolved, state, device, alpha)
    check_masks(pair)
    check_sides(pair.at(scale_plan(content.shape[:2], s)[0][0]))
    return pair


def _orderly(settings: Settings, device: torch.device) -> bool:
    return settings.deterministic == "yes" or device.type == "cpu"


def _finish(run: Run, picture: Picture, seconds: dict[str, float]) -> Finished:
    canvas, best = run.canvas, picture.so_far()
    return Finished(
        pixels=run.pixels(picture.pair, best),
        evaluations=run.evaluation,
        best_evaluation=picture.best_evaluation,
        losses=picture.best_losses,
        precision=run.precision,
        seconds=dict(seconds),
        warnings=tuple(picture.warnings),
        style_weight=picture.style_weight,
        machine=devices.conditions(picture.pair.device),
        together=len(run.pictures),
        network=canvas.state(best) if isinstance(canvas, NetworkCanvas) else None,
    )
