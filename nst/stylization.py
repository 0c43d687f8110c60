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
from nst.objective import Objective, joined
from nst.optimizers import LBFGS, Adam, Optimizer
from nst.replay import Replay
from nst.scales import Pair, Pixels, check_masks, check_sides, scale_plan, start, to_tensor
from nst.settings import Settings
from nst.smoothing import Smoothing

#: The root mean square of L-BFGS's first step, in the range 0..1: large enough to learn the curvature from.
FIRST_STEP = 0.02
#: The root mean square that no step exceeds: further off, nothing that was learnt holds.
LONGEST_STEP = 0.1
#: Steps that L-BFGS remembers, at two pictures of float32 each: at most, and at least where they would fill more bytes
#: than these. After 200 evaluations 40 lower the loss by 0.1 to 0.4 % against 15, in the same time; 100 by no more.
MEMORY, MEMORY_LEAST, MEMORY_BYTES = 40, 15, 1e9
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

    @property
    def kind(self) -> tuple[Any, ...] | None:
        """Subjects of an equal kind can be painted together; None: only alone."""
        s = self.settings
        alone = s.method != "pixels" or s.style_weight == "auto" or s.tile or s.content_mask or s.style_mask
        if alone or s.deterministic == "yes":  # in company rounding is another
            return None
        return self.content.shape, len(self.styles), s.model_copy(update={"seed": 0})


@dataclass
class _Picture:
    """One picture of a run: its best so far, (1, n), and what has befallen it."""

    pair: Pair
    best: Tensor | None = None
    best_evaluation: int = 0
    best_losses: dict[str, float] = field(default_factory=dict)
    blind: int = 0
    lost: bool = False
    """Given up in this company: alone it would go on in float32."""
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Run:
    """What changes from one evaluation to the next: of pictures of one shape, a row each of canvas and optimiser."""

    pictures: list[_Picture]
    canvas: Canvas
    optimizer: Optimizer
    dtype: torch.dtype
    evaluation: int = 0

    @property
    def alone(self) -> _Picture:
        """The picture, where there is one."""
        [picture] = self.pictures
        return picture

    def objective(self) -> Objective:
        return joined([picture.pair.objective(self.dtype) for picture in self.pictures])


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
    subject = Subject(content, styles, settings or Settings(), blend, init, content_mask, style_mask)
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
    run: _Run | None = None
    for shape, last in scale_plan(pairs[0].content.shape[:2], settings):
        if resume and resume["evaluation"] > last:
            continue
        inits = [subject.init for subject in subjects]
        run = _begin([pair.at(shape) for pair in pairs], inits, run, devices.compute_type(settings.precision, where))
        if resume:
            _restore(run, resume)
            resume = None
        objective = run.objective()
        replay = _replay(run, objective)
        timing["targets"] += time.perf_counter() - started
        started = time.perf_counter()
        before = timing["optimise"]
        while run.evaluation < last:
            losses, x = _evaluate(run, objective, replay, run.evaluation + 1 == last)
            shown = [_so_shown(run, index, x) for index in range(len(run.pictures))]
            timing["optimise"] = before + time.perf_counter() - started
            # Before others see the state: who goes on from it must not miss what follows from this evaluation.
            if len(run.pictures) == 1 and _must_widen(run, losses[0]):
                run.optimizer.restart()
                objective = run.objective()
                replay = _replay(run, objective)
            if balance.is_turn(settings, run.evaluation) and run.alone.best is not None:
                _correct_weight(run, objective, settings, keep=run.evaluation == last)
                replay.forget()
            for index, picture in enumerate(run.pictures):
                if not picture.lost:
                    look, state_of = partial(_shown, run, picture.pair, shown[index]), partial(_snapshot, run, index)
                    yield index, Progress(run.evaluation, losses[index], timing["optimise"], look, state_of)
        started = time.perf_counter()
    assert run is not None
    for index, picture in enumerate(run.pictures):
        if sentence := balance.missed(settings, _weight(picture), picture.best_losses.get("style", 0.0)):
            picture.warnings.append(sentence)
        yield index, None if picture.lost else _finish(run, picture, timing)


def prepared(subject: Subject, state: dict[str, Tensor], device: torch.device) -> Pair:
    """What a subject is painted with; NstError where that cannot be."""
    s, content = subject.settings, subject.content
    ready, recoloured = recolour.prepared(content, subject.styles, s.color)
    mask = subject.content_mask
    mask = None if mask is None else resize(mask, shape=content.shape[:2])
    shares = list(subject.blend or [1.0] * len(subject.styles))
    resolved = s.model_copy(update={"style_weight": balance.first(s)})
    pair = Pair(content, ready, recoloured, shares, mask, subject.style_mask, resolved, state, device)
    check_masks(pair)
    check_sides(pair.at(scale_plan(content.shape[:2], s)[0][0]))
    return pair


def _so_shown(run: _Run, index: int, x: Tensor) -> Tensor:
    """The parameters of a picture that are shown after an evaluation at x: the average where there is one, or best."""
    averages = isinstance(run.optimizer, Adam) and run.optimizer.average
    best = run.pictures[index].best
    return x[index : index + 1] if averages or best is None else best


def _weight(picture: _Picture) -> float:
    return float(picture.pair.settings.style_weight)


def _weigh_style(picture: _Picture, weight: float) -> None:
    """Go on with another weight of the style: losses before and after do not compare."""
    settings = picture.pair.settings.model_copy(update={"style_weight": weight})
    picture.pair = replace(picture.pair, settings=settings)


def _correct_weight(run: _Run, objective: Objective, settings: Settings, *, keep: bool) -> None:
    """Change the style's weight towards its goal; keep: the best picture, with which the next scale begins."""
    picture = run.alone
    _weigh_style(picture, balance.corrected(settings, _weight(picture), picture.best_losses["style"]))
    objective.settings = picture.pair.settings
    run.optimizer.restart()
    if not keep:
        picture.best = None


def _begin(pairs: list[Pair], inits: Sequence[Pixels | None], before: _Run | None, dtype: torch.dtype) -> _Run:
    """A run at one scale, from where the one before has come to."""
    s = pairs[0].settings
    shape = (len(pairs), 3, *pairs[0].content.shape[:2])
    canvas: Canvas
    if s.method == "network":
        canvas = NetworkCanvas(to_tensor(pairs[0].content).to(pairs[0].device), s.seed)
        x = canvas.start() if before is None else _so_far(before.alone)
    else:
        canvas = PixelCanvas((shape[0], 1, *shape[2:]) if s.color == "luminance" else shape, s.range)
        first = _enlarged(before, shape) if before else torch.cat(list(map(start, pairs, inits))).to(pairs[0].device)
        x = canvas.parameters(first)
    pictures = [_Picture(pair) for pair in pairs]
    run = _Run(pictures, canvas, _optimizer(x, canvas, s, before.evaluation if before else 0), dtype)
    if before is not None:
        run.dtype, run.evaluation = before.dtype, before.evaluation
        for picture, earlier in zip(pictures, before.pictures, strict=True):
            picture.warnings, picture.lost = earlier.warnings, earlier.lost
            _weigh_style(picture, _weight(earlier))
    return run


def _so_far(picture: _Picture) -> Tensor:
    if picture.best is None:
        raise NstError("no evaluation gave finite losses; lower the weights, or use --precision fp32")
    return picture.best


def _enlarged(before: _Run, shape: tuple[int, ...]) -> Tensor:
    pictures = before.canvas.picture(torch.cat([_so_far(picture) for picture in before.pictures]))
    return F.interpolate(pictures, size=shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


def _replay(run: _Run, objective: Objective) -> Replay[tuple[Tensor, list[str]]]:
    """What takes an evaluation after the other; tiles and eigenvalues wait for the GPU, which a recording must not."""
    pair = run.pictures[0].pair
    able = not pair.settings.tile and pair.settings.style_loss != "wasserstein"
    return Replay(partial(_step, run, objective), run.optimizer, pair.device, able=able)


def _step(run: _Run, objective: Objective, x: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, list[str]]]:
    """Evaluate x, or what the optimiser asks for, and tell it: the losses (batch, losses), where, and their names."""
    x = run.canvas.into_range(run.optimizer.ask() if x is None else x)
    evaluation = objective.evaluate(run.canvas.picture(x))
    run.optimizer.tell(x, evaluation.total, run.canvas.gradient(x, evaluation.gradient))
    named = {"content": None, "style": None, "tv": None} | evaluation.parts | {"total": evaluation.total}
    return torch.stack([named[name].double() for name in named], 1), (x, list(named))  # type: ignore[union-attr]


def _evaluate(
    run: _Run, objective: Objective, replay: Replay[tuple[Tensor, list[str]]], last: bool
) -> tuple[list[dict[str, float]], Tensor]:
    """One evaluation; the losses of each picture, and where they were."""
    averaged = run.optimizer.averaged() if isinstance(run.optimizer, Adam) and run.optimizer.average else None
    rows, (x, names) = replay() if averaged is None or not last else _step(run, objective, averaged)
    run.evaluation += 1
    losses = [_numbers(dict(zip(names, row, strict=True))) for row in rows.tolist()]  # one transfer from the device
    for index, picture in enumerate(run.pictures):
        if not picture.lost:
            _keep_best(picture, x[index : index + 1], losses[index], run.evaluation, last and averaged is not None)
            _give_up(run, picture, x[index : index + 1])
            if replay.problem and replay.problem not in picture.warnings:
                picture.warnings.append(replay.problem)
    return losses, x if averaged is None else averaged


def _shown(run: _Run, pair: Pair, x: Tensor) -> Pixels:
    return pair.shown(run.canvas.picture(run.canvas.into_range(x)))


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
        memory=max(MEMORY_LEAST, min(MEMORY, int(MEMORY_BYTES / (8 * x[0].numel())))),
        learning_rate=settings.learning_rate or 1.0,
        first_step=FIRST_STEP,
        longest_step=LONGEST_STEP,
    )


def _numbers(losses: dict[str, float]) -> dict[str, float]:
    """The losses in the order in which they are told: content, style, tv and total first."""
    return {"content": 0.0, "style": 0.0, "tv": 0.0, "total": losses.pop("total")} | losses


def _keep_best(picture: _Picture, x: Tensor, losses: dict[str, float], evaluation: int, always: bool) -> None:
    finite = np.isfinite(losses["total"])
    picture.blind = 0 if finite else picture.blind + 1
    if finite and (always or picture.best is None or losses["total"] < picture.best_losses["total"]):
        picture.best, picture.best_evaluation, picture.best_losses = x.clone(), evaluation, losses


def _give_up(run: _Run, picture: _Picture, x: Tensor) -> None:
    """In company nobody changes to float32 for one picture's sake."""
    if len(run.pictures) > 1 and picture.blind >= BLIND:
        picture.lost, picture.best = True, torch.zeros_like(x)


def _must_widen(run: _Run, losses: dict[str, float]) -> bool:
    """Whether to go on in float32: the optimiser has shortened its step in vain. Raises where that was no help."""
    picture = run.alone
    if picture.blind < BLIND:
        return False
    where = f"evaluation {run.evaluation}: the losses are not finite"
    if run.dtype == torch.float32:
        if picture.best is None:
            raise NstError(f"{where} even in fp32; lower the weights or the learning rate, or check the weights' file")
        return False
    picture.warnings.append(f"{where}; went on in fp32")
    run.dtype, picture.blind = torch.float32, 0
    picture.best = None  # losses of two precisions do not compare
    return True


def _snapshot(run: _Run, index: int) -> dict[str, Any]:
    picture = run.pictures[index]
    return {
        "optimizer": run.optimizer.state_dict(index),
        "precision": _precision(run),
        "evaluation": run.evaluation,
        "best": picture.best,
        "best_evaluation": picture.best_evaluation,
        "best_losses": picture.best_losses,
        "warnings": list(picture.warnings),
        "style_weight": _weight(picture),
    }


def _restore(run: _Run, state: dict[str, Any]) -> None:
    picture, best = run.alone, state["best"]
    run.optimizer.load_state_dict(state["optimizer"])
    _weigh_style(picture, state["style_weight"])
    run.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
    run.evaluation = state["evaluation"]
    picture.best = None if best is None else best.to(picture.pair.device)
    for name in ("best_evaluation", "best_losses", "warnings"):
        setattr(picture, name, state[name])


def _precision(run: _Run) -> str:
    return "bf16" if run.dtype == torch.bfloat16 else "fp32"


def _finish(run: _Run, picture: _Picture, seconds: dict[str, float]) -> Finished:
    canvas, best = run.canvas, _so_far(picture)
    return Finished(
        pixels=_shown(run, picture.pair, best),
        evaluations=run.evaluation,
        best_evaluation=picture.best_evaluation,
        losses=picture.best_losses,
        precision=_precision(run),
        seconds=dict(seconds),
        warnings=tuple(picture.warnings),
        style_weight=_weight(picture),
        machine=devices.conditions(picture.pair.device),
        together=len(run.pictures),
        network=canvas.state(best) if isinstance(canvas, NetworkCanvas) else None,
    )
