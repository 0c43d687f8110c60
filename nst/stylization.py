"""One pair to a picture: the optimisation of pixels (Gatys, Ecker & Bethge, arXiv:1508.06576).

`stylize` reads and writes no file and prints nothing; it yields what happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nst import balance, devices, recolour
from nst.canvas import Canvas, NetworkCanvas, PixelCanvas
from nst.errors import NstError
from nst.images import resize
from nst.objective import Evaluation, Objective
from nst.optimizers import LBFGS, Adam, Optimizer
from nst.scales import Pair, Pixels, check_masks, check_sides, scale_plan, start, to_tensor
from nst.settings import Settings
from nst.smoothing import Smoothing

#: The root mean square of L-BFGS's first step, in the range 0..1: large enough to learn the curvature from.
FIRST_STEP = 0.02
#: The root mean square that no step exceeds: further off, nothing that was learnt holds.
LONGEST_STEP = 0.1
#: Steps that L-BFGS remembers, at two pictures of float32 each; 60 lower the loss by less than 0.2 %.
MEMORY = 15
#: Evaluations in a row without a finite value before 16-bit activations are given up.
BLIND = 4


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
    network: dict[str, Tensor] | None = None
    """The trained parameters with method `network`, as `Transformation.load_state_dict` takes them."""


@dataclass
class _Run:
    """What changes from one evaluation to the next."""

    pair: Pair
    canvas: Canvas
    optimizer: Optimizer
    dtype: torch.dtype
    evaluation: int = 0
    best: Tensor | None = None
    best_evaluation: int = 0
    best_losses: dict[str, float] = field(default_factory=dict)
    blind: int = 0
    warnings: list[str] = field(default_factory=list)


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
        device: auto, cuda, mps or cpu. threads: of the CPU; 0 leaves torch's choice.
        resume: the `state()` of an earlier Progress of the same pair and settings.
    Yields:
        a Progress for each of `settings.iterations` evaluations, then one Finished.
    Raises:
        NstError: pictures too small for the layers, weights that do not fit, or losses that never become finite.
    """
    settings = settings or Settings()
    where = devices.torch_device(device)
    devices.set_up(where, threads=threads, deterministic=settings.deterministic != "no" and _orderly(settings, where))
    started = time.perf_counter()
    ready, recoloured = recolour.prepared(content, styles, settings.color)
    content_mask = None if content_mask is None else resize(content_mask, shape=content.shape[:2])
    shares = list(blend or [1.0] * len(styles))
    resolved = settings.model_copy(update={"style_weight": balance.first(settings)})
    whole = Pair(content, ready, recoloured, shares, content_mask, style_mask, resolved, state, where)
    check_masks(whole)
    scales = scale_plan(content.shape[:2], settings)
    check_sides(whole.at(scales[0][0]))
    timing = {"targets": 0.0, "optimise": 0.0}
    run: _Run | None = None
    for shape, last in scales:
        if resume and resume["evaluation"] > last:
            continue
        run = _begin(whole.at(shape), init, run, devices.compute_type(settings.precision, where))
        if resume:
            _restore(run, resume)
            resume = None
        objective = run.pair.objective(run.dtype)
        timing["targets"] += time.perf_counter() - started
        started = time.perf_counter()
        before = timing["optimise"]
        while run.evaluation < last:
            losses, x = _evaluate(run, objective, run.evaluation + 1 == last)
            timing["optimise"] = before + time.perf_counter() - started
            averages = isinstance(run.optimizer, Adam) and run.optimizer.average
            picture = partial(_shown, run, x if averages or run.best is None else run.best)
            # Before others see the state: who goes on from it must not miss what follows from this evaluation.
            if _must_widen(run, losses):
                objective = run.pair.objective(run.dtype)
                run.optimizer.restart()
            if balance.is_turn(settings, run.evaluation) and run.best is not None:
                _correct_weight(run, objective, settings, keep=run.evaluation == last)
            yield Progress(run.evaluation, losses, timing["optimise"], picture, partial(_snapshot, run))
        started = time.perf_counter()
    assert run is not None
    if sentence := balance.missed(settings, _weight(run), run.best_losses.get("style", 0.0)):
        run.warnings.append(sentence)
    yield _finish(run, timing)


def _weight(run: _Run) -> float:
    return float(run.pair.settings.style_weight)


def _weigh_style(run: _Run, weight: float) -> None:
    """Go on with another weight of the style: losses before and after do not compare."""
    run.pair = replace(run.pair, settings=run.pair.settings.model_copy(update={"style_weight": weight}))


def _correct_weight(run: _Run, objective: Objective, settings: Settings, *, keep: bool) -> None:
    """Change the style's weight towards its goal; keep: the best picture, with which the next scale begins."""
    _weigh_style(run, balance.corrected(settings, _weight(run), run.best_losses["style"]))
    objective.settings = run.pair.settings
    run.optimizer.restart()
    if not keep:
        run.best = None


def _begin(pair: Pair, init: Pixels | None, before: _Run | None, dtype: torch.dtype) -> _Run:
    """A run at one scale, from where the one before has come to."""
    s = pair.settings
    shape = (1, 3, *pair.content.shape[:2])
    canvas: Canvas
    if s.method == "network":
        canvas = NetworkCanvas(to_tensor(pair.content).to(pair.device), s.seed)
        x = canvas.start() if before is None else _so_far(before)
    else:
        canvas = PixelCanvas((1, 1, *shape[2:]) if s.color == "luminance" else shape, s.range)
        x = canvas.parameters(start(pair, init).to(pair.device) if before is None else _enlarged(before, shape))
    run = _Run(pair, canvas, _optimizer(x, canvas, s, before.evaluation if before else 0), dtype)
    if before is not None:
        run.dtype, run.evaluation, run.warnings = before.dtype, before.evaluation, before.warnings
        _weigh_style(run, _weight(before))
    return run


def _so_far(run: _Run) -> Tensor:
    if run.best is None:
        raise NstError("no evaluation gave finite losses; lower the weights, or use --precision fp32")
    return run.best


def _enlarged(before: _Run, shape: tuple[int, ...]) -> Tensor:
    picture = before.canvas.picture(_so_far(before))
    return F.interpolate(picture, size=shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


def _evaluate(run: _Run, objective: Objective, last: bool) -> tuple[dict[str, float], Tensor]:
    """One evaluation; the losses, and where it was."""
    averaged = run.optimizer.averaged() if isinstance(run.optimizer, Adam) and run.optimizer.average else None
    x = averaged if last and averaged is not None else run.optimizer.ask()
    x = run.canvas.into_range(x)
    evaluation = objective.evaluate(run.canvas.picture(x))
    run.optimizer.tell(x, evaluation.total, run.canvas.gradient(x, evaluation.gradient))
    run.evaluation += 1
    losses = _numbers(evaluation)
    _keep_best(run, x, losses, last and averaged is not None)
    return losses, x if averaged is None else averaged


def _shown(run: _Run, x: Tensor) -> Pixels:
    return run.pair.shown(run.canvas.picture(run.canvas.into_range(x)))


def _orderly(settings: Settings, device: torch.device) -> bool:
    return settings.deterministic == "yes" or device.type == "cpu"


def _optimizer(x: Tensor, canvas: Canvas, settings: Settings, age: int) -> Optimizer:
    if not isinstance(canvas, PixelCanvas) or settings.optimizer == "adam":
        return Adam(
            x,
            learning_rate=settings.learning_rate or (0.005 if settings.method == "network" else 0.02),
            decay=settings.learning_rate_decay,
            average=settings.average,
            age=age,
        )
    return LBFGS(
        x,
        precondition=Smoothing(canvas.shape, x.device),
        memory=MEMORY,
        learning_rate=settings.learning_rate or 1.0,
        first_step=FIRST_STEP,
        longest_step=LONGEST_STEP,
    )


def _numbers(evaluation: Evaluation) -> dict[str, float]:
    """The losses as numbers, content, style, tv and total first; read in one transfer."""
    named = {"content": None, "style": None, "tv": None} | evaluation.parts | {"total": evaluation.total}
    values = torch.stack([named[name].double().cpu()[0] for name in named]).tolist()  # type: ignore[union-attr]
    losses = dict(zip(named, values, strict=True))
    return {"content": 0.0, "style": 0.0, "tv": 0.0, "total": losses.pop("total")} | losses


def _keep_best(run: _Run, x: Tensor, losses: dict[str, float], always: bool) -> None:
    finite = np.isfinite(losses["total"])
    run.blind = 0 if finite else run.blind + 1
    if finite and (always or run.best is None or losses["total"] < run.best_losses["total"]):
        run.best, run.best_evaluation, run.best_losses = x.clone(), run.evaluation, losses


def _must_widen(run: _Run, losses: dict[str, float]) -> bool:
    """Whether to go on in float32: the optimiser has shortened its step in vain. Raises where that was no help."""
    if run.blind < BLIND:
        return False
    where = f"evaluation {run.evaluation}: the losses are not finite"
    if run.dtype == torch.float32:
        if run.best is None:
            raise NstError(f"{where} even in fp32; lower the weights or the learning rate, or check the weights' file")
        return False
    run.warnings.append(f"{where}; went on in fp32")
    run.dtype, run.blind = torch.float32, 0
    run.best = None  # losses of two precisions do not compare
    return True


def _snapshot(run: _Run) -> dict[str, Any]:
    return {
        "optimizer": run.optimizer.state_dict(),
        "precision": _precision(run),
        "evaluation": run.evaluation,
        "best": run.best,
        "best_evaluation": run.best_evaluation,
        "best_losses": run.best_losses,
        "warnings": list(run.warnings),
        "style_weight": _weight(run),
    }


def _restore(run: _Run, state: dict[str, Any]) -> None:
    best = state["best"]
    state = state | {"best": None if best is None else best.to(run.pair.device)}
    run.optimizer.load_state_dict(state["optimizer"])
    _weigh_style(run, state["style_weight"])
    run.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
    for name in ("evaluation", "best", "best_evaluation", "best_losses", "warnings"):
        setattr(run, name, state[name])


def _precision(run: _Run) -> str:
    return "bf16" if run.dtype == torch.bfloat16 else "fp32"


def _finish(run: _Run, seconds: dict[str, float]) -> Finished:
    canvas, best = run.canvas, _so_far(run)
    return Finished(
        pixels=run.pair.shown(canvas.picture(canvas.into_range(best))),
        evaluations=run.evaluation,
        best_evaluation=run.best_evaluation,
        losses=run.best_losses,
        precision=_precision(run),
        seconds=seconds,
        warnings=tuple(run.warnings),
        style_weight=_weight(run),
        network=canvas.state(best) if isinstance(canvas, NetworkCanvas) else None,
    )
