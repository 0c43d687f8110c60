"""One pair to a picture: the optimisation of pixels (Gatys, Ecker & Bethge, arXiv:1508.06576).

`stylize` reads and writes no file and prints nothing; it yields what happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nst import devices
from nst.errors import NstError
from nst.networks import FeatureExtractor, smallest_side
from nst.objective import Evaluation, Objective
from nst.optimizers import LBFGS, Adam, Optimizer
from nst.settings import Settings
from nst.smoothing import Smoothing

Pixels = NDArray[np.float32]

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


@dataclass
class _Run:
    """What changes from one evaluation to the next."""

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
        init: the picture to begin from, (H, W, 3), where `settings.init` names a file.
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
    _check_sides(content, styles, settings)
    started = time.perf_counter()
    shape = (1, 3, *content.shape[:2])
    optimizer = _optimizer(_start(content, styles, init, settings).to(where), shape, settings)
    run = _Run(optimizer, devices.compute_type(settings.precision, where))
    if resume:
        _restore(run, resume)
    make = partial(_objective, content, styles, blend, settings, state, where)
    objective = make(run.dtype)
    targets = time.perf_counter() - started
    began = time.perf_counter()
    while run.evaluation < settings.iterations:
        x = run.optimizer.ask()
        x = _into_range(x, settings.range)
        evaluation = objective.evaluate(x.view(shape))
        run.optimizer.tell(x, evaluation.total, evaluation.gradient.reshape(len(x), -1))
        run.evaluation += 1
        losses = _numbers(evaluation)
        _keep_best(run, x, losses)
        yield Progress(
            run.evaluation,
            losses,
            time.perf_counter() - began,
            partial(_pixels, x if run.best is None else run.best, shape, settings.range),
            partial(_snapshot, run),
        )
        if _must_widen(run, losses):
            objective = make(run.dtype)
            run.optimizer.restart()
    yield _finish(run, shape, settings, {"targets": targets, "optimise": time.perf_counter() - began})


def _orderly(settings: Settings, device: torch.device) -> bool:
    return settings.deterministic == "yes" or device.type == "cpu"


def _check_sides(content: Pixels, styles: Sequence[Pixels], settings: Settings) -> None:
    least = smallest_side([*settings.content_layers, *settings.style_layers])
    for what, picture in [("content", content), *(("style", style) for style in styles)]:
        height, width = picture.shape[:2]
        if min(height, width) < least:
            raise NstError(
                f"the {what} picture is {width}×{height} px at this size; its layers need at least {least} px a side: "
                "raise size, or use shallower layers"
            )


def _objective(
    content: Pixels,
    styles: Sequence[Pixels],
    blend: Sequence[float] | None,
    settings: Settings,
    state: dict[str, Tensor],
    device: torch.device,
    dtype: torch.dtype,
) -> Objective:
    s = settings
    used = [*(s.content_layers if s.content_weight else ()), *(s.style_layers if s.style_weight else ())]
    network = FeatureExtractor(s.network, state, used, pooling=s.pooling, tap=s.tap, padding=s.padding)
    network.convert(device, dtype)
    shares = blend or [1.0] * len(styles)
    pictures = [(_tensor(style).to(device), share) for style, share in zip(styles, shares, strict=True)]
    return Objective(network, _tensor(content).to(device), pictures, s)


def _tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) array to (1, 3, H, W) tensor."""
    return torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).permute(2, 0, 1)[None].contiguous()


def _start(content: Pixels, styles: Sequence[Pixels], init: Pixels | None, settings: Settings) -> Tensor:
    """The first picture, (1, 3·H·W)."""
    shape = _tensor(content).shape
    if settings.init == "noise":
        base = torch.full(shape, 0.5)
    elif settings.init == "style":
        base = torch.nn.functional.interpolate(
            _tensor(styles[0]), size=shape[2:], mode="bicubic", antialias=True, align_corners=False
        ).clamp(0, 1)
    elif settings.init in ("content", "content+noise"):
        base = _tensor(content)
    else:
        if init is None or init.shape != content.shape:
            raise NstError(f"init {settings.init}: give that picture at the content's shape as `init`")
        base = _tensor(init)
    if "noise" in settings.init.split("+"):
        generator = torch.Generator().manual_seed(settings.seed)  # on the CPU: the same noise on every device
        base = base + settings.noise * torch.randn(shape, generator=generator)
    return base.reshape(1, -1)


def _optimizer(x: Tensor, shape: tuple[int, ...], settings: Settings) -> Optimizer:
    if settings.optimizer == "adam":
        return Adam(x, learning_rate=settings.learning_rate or 0.02)
    return LBFGS(
        x,
        precondition=Smoothing(shape, x.device),
        memory=MEMORY,
        learning_rate=settings.learning_rate or 1.0,
        first_step=FIRST_STEP,
        longest_step=LONGEST_STEP,
    )


def _into_range(x: Tensor, kind: str) -> Tensor:
    """What `range` does at each evaluation, to (batch, n): clamp, or rescale what has left 0..1; clip waits."""
    if kind == "clamp":
        return x.clamp(0, 1)
    if kind == "rescale":
        low, high = x.amin(1, keepdim=True).clamp_max(0), x.amax(1, keepdim=True).clamp_min(1)
        return (x - low) / (high - low)
    return x


def _numbers(evaluation: Evaluation) -> dict[str, float]:
    """The losses as numbers, content, style, tv and total first; read in one transfer."""
    named = {"content": None, "style": None, "tv": None} | evaluation.parts | {"total": evaluation.total}
    values = torch.stack([named[name].double().cpu()[0] for name in named]).tolist()  # type: ignore[union-attr]
    losses = dict(zip(named, values, strict=True))
    return {"content": 0.0, "style": 0.0, "tv": 0.0, "total": losses.pop("total")} | losses


def _keep_best(run: _Run, x: Tensor, losses: dict[str, float]) -> None:
    finite = np.isfinite(losses["total"])
    run.blind = 0 if finite else run.blind + 1
    if finite and (run.best is None or losses["total"] < run.best_losses["total"]):
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


def _pixels(x: Tensor, shape: tuple[int, ...], kind: str) -> Pixels:
    """(1, n) tensor to (H, W, 3) array in 0..1."""
    picture = _into_range(x, kind).clamp(0, 1).view(shape)[0].permute(1, 2, 0)
    return picture.float().cpu().contiguous().numpy()


def _snapshot(run: _Run) -> dict[str, Any]:
    return {
        "optimizer": run.optimizer.state_dict(),
        "precision": _precision(run),
        "evaluation": run.evaluation,
        "best": run.best,
        "best_evaluation": run.best_evaluation,
        "best_losses": run.best_losses,
        "warnings": list(run.warnings),
    }


def _restore(run: _Run, state: dict[str, Any]) -> None:
    run.optimizer.load_state_dict(state["optimizer"])
    run.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
    for name in ("evaluation", "best", "best_evaluation", "best_losses", "warnings"):
        setattr(run, name, state[name])


def _precision(run: _Run) -> str:
    return "bf16" if run.dtype == torch.bfloat16 else "fp32"


def _finish(run: _Run, shape: tuple[int, ...], settings: Settings, seconds: dict[str, float]) -> Finished:
    if run.best is None:
        raise NstError("no evaluation gave finite losses; lower the weights, or use --precision fp32")
    return Finished(
        pixels=_pixels(run.best, shape, settings.range),
        evaluations=run.evaluation,
        best_evaluation=run.best_evaluation,
        losses=run.best_losses,
        precision=_precision(run),
        seconds=seconds,
        warnings=tuple(run.warnings),
    )
