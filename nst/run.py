"""The state of a run, from one evaluation to the next: pictures of one shape, a row each of canvas and optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nst import devices
from nst.canvas import Canvas, NetworkCanvas, PixelCanvas
from nst.errors import NstError
from nst.losses.objective import Objective, joined
from nst.optimizers import LBFGS, Adam, Optimizer
from nst.replay import Replay
from nst.scales import Pair, Pixels, start, to_tensor
from nst.settings import Settings
from nst.smoothing import Smoothing

#: The root mean square of L-BFGS's first step, in the range 0..1: large enough to learn the curvature from.
FIRST_STEP = 0.02
#: The root mean square that no step exceeds: further off, nothing that was learnt holds.
LONGEST_STEP = 0.1
#: Steps that L-BFGS remembers, at two pictures of float32 each (on a GPU of 16 bits): at most, and at least where they
#: would fill more bytes than these. After 200 evaluations 40 lower the loss by 0.1 to 0.4 % against 15, in the same
#: time; 100 by no more.
MEMORY, MEMORY_LEAST, MEMORY_BYTES = 40, 15, 1e9
#: Evaluations in a row without a finite value before 16-bit activations are given up.
BLIND = 4


@dataclass
class Picture:
    """One picture of a run: its best so far, (1, n), and what has befallen it."""

    pair: Pair
    best: Tensor | None = None
    best_evaluation: int = 0
    best_losses: dict[str, float] = field(default_factory=dict)
    blind: int = 0
    lost: bool = False
    """Given up in this company: alone it would go on in float32."""
    warnings: list[str] = field(default_factory=list)

    @property
    def style_weight(self) -> float:
        return float(self.pair.settings.style_weight)

    @style_weight.setter
    def style_weight(self, weight: float) -> None:
        settings = self.pair.settings.model_copy(update={"style_weight": weight})
        self.pair = replace(self.pair, settings=settings)

    def so_far(self) -> Tensor:
        """The best picture; NstError where there is none."""
        if self.best is None:
            raise NstError("no evaluation gave finite losses; lower the weights, or use --precision fp32")
        return self.best


class _Begun(NamedTuple):
    """An evaluation: its losses (batch, losses), where it is, (batch, n), the losses' names, and the average before."""

    rows: Tensor
    x: Tensor
    names: list[str]
    averaged: Tensor | None


class Run:
    """Pictures at one scale.

    Args:
        pairs: what they are painted with, at this scale. inits: the pictures to begin from, where settings name files.
        dtype: of activations. before: the run at the scale before, where this one begins.
    """

    def __init__(self, pairs: list[Pair], inits: Sequence[Pixels | None], dtype: torch.dtype, before: Run | None):
        self.pictures = [Picture(pair) for pair in pairs]
        self.dtype, self.evaluation = dtype, 0
        if before is not None:
            self.dtype, self.evaluation = before.dtype, before.evaluation
            for picture, earlier in zip(self.pictures, before.pictures, strict=True):
                picture.warnings, picture.lost = earlier.warnings, earlier.lost
                picture.style_weight = earlier.style_weight
        self.canvas, x = _canvas(pairs, inits, before)
        self.optimizer = _optimizer(x, self.canvas, pairs[0].settings, self.evaluation)
        self._begun: _Begun | None = None

    @property
    def alone(self) -> Picture:
        """The picture, where there is one."""
        [picture] = self.pictures
        return picture

    @property
    def precision(self) -> str:
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def aim(self) -> None:
        """Measure the targets: to be called before the first evaluation."""
        self.release()
        pair = self.pictures[0].pair
        with devices.turn(pair.device):
            network = pair.network(self.dtype)
            self.objective: Objective = joined([picture.pair.objective(network) for picture in self.pictures])
        able = not pair.settings.tile and self.objective.style_loss.recordable  # a tile keeps a GPU busy by itself
        self.step = partial(step, self.objective, self.canvas, self.optimizer)
        self._replay = Replay(self.step, self.optimizer, pair.device, able=able)

    def release(self) -> None:
        """Let go of network, targets and recording: who looks back at this run needs its pictures only."""
        device = self.pictures[0].pair.device
        if "_replay" in vars(self) and self.recorded and device.type == "cuda":
            torch.cuda.synchronize(device)  # a recording stays while it is replayed
        for name in ("objective", "step", "_replay"):
            vars(self).pop(name, None)

    @property
    def recorded(self) -> bool:
        """Whether an evaluation is only asked of the GPU, which does it while the process does something else."""
        return self._replay.graph is not None

    def begin(self, *, last: bool) -> None:
        """Begin the evaluation that the next `evaluate` is about; nothing may be changed until then."""
        averaged = self._averaged()
        if averaged is None or not last:
            rows, (x, names) = self._replay()
        else:
            with devices.turn(self.pictures[0].pair.device):
                rows, (x, names) = self.step(averaged)
        self._begun = _Begun(rows, x, names, averaged)

    def evaluate(self, *, last: bool) -> tuple[list[dict[str, float]], list[Tensor]]:
        """One evaluation, the last one of the average if there is one.

        Returns:
            of each picture the losses, and the parameters (1, n) that are shown: of the average, or of the best so far.
        """
        if self._begun is None:
            self.begin(last=last)
        assert self._begun is not None
        (rows, x, names, averaged), self._begun = self._begun, None
        self.evaluation += 1
        losses = [dict(zip(names, row, strict=True)) for row in rows.tolist()]  # one transfer from the device
        for index, picture in enumerate(self.pictures):
            if not picture.lost:
                self._keep_best(picture, x[index : index + 1], losses[index], last and averaged is not None)
                if self._replay.problem and self._replay.problem not in picture.warnings:
                    picture.warnings.append(self._replay.problem)
        if averaged is not None:
            return losses, list(averaged.split(1))
        return losses, [x[at : at + 1].clone() if p.best is None else p.best for at, p in enumerate(self.pictures)]

    def pixels(self, pair: Pair, x: Tensor) -> Pixels:
        """The picture that parameters (1, n) make, (H, W, 3) in 0..1."""
        return pair.shown(self.canvas.picture(self.canvas.into_range(x)))

    def widen_if_blind(self) -> None:
        """Go on in float32 where shorter steps did not help. Raises NstError where float32 did not either.

        In company nobody changes for one picture's sake.
        """
        picture = self.alone
        if picture.blind < BLIND:
            return
        where = f"evaluation {self.evaluation}: the losses are not finite"
        if self.dtype == torch.float32:
            if picture.best is None:
                raise NstError(
                    f"{where} even in fp32; lower the weights or the learning rate, or check the weights' file"
                )
            return
        picture.warnings.append(f"{where}; went on in fp32")
        self.dtype, picture.blind = torch.float32, 0
        picture.best = None  # losses of two precisions do not compare
        self.optimizer.restart()
        self.aim()

    def weigh_style(self, weight: float, *, keep: bool) -> None:
        """Go on with another weight of the style: losses before and after do not compare.

        Args:
            keep: the best picture, with which the next scale begins.
        """
        picture = self.alone
        picture.style_weight = weight
        self.objective.settings = picture.pair.settings
        self.optimizer.restart()
        self._replay.forget()
        if not keep:
            picture.best = None

    def state(self, index: int) -> dict[str, Any]:
        """What `restore` takes, of a picture alone: with an evaluation that has begun, of which the optimiser knows."""
        picture, row, begun = self.pictures[index], slice(index, index + 1), self._begun
        if begun is not None:
            rows, x, names, averaged = begun
            begun = _Begun(
                rows[row].clone(), x[row].clone(), names, None if averaged is None else averaged[row].clone()
            )
        return {
            "begun": None if begun is None else begun._asdict(),
            "optimizer": self.optimizer.state_dict(index),
            "precision": self.precision,
            "evaluation": self.evaluation,
            "best": picture.best,
            "best_evaluation": picture.best_evaluation,
            "best_losses": picture.best_losses,
            "blind": picture.blind,
            "warnings": list(picture.warnings),
            "style_weight": picture.style_weight,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state of another run of the same picture: to be called before `aim`."""
        picture, best = self.alone, state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        picture.style_weight = state["style_weight"]
        if (begun := state["begun"]) is not None:
            device = picture.pair.device
            self._begun = _Begun(**{k: v.to(device) if isinstance(v, Tensor) else v for k, v in begun.items()})
        self.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
        self.evaluation = state["evaluation"]
        picture.best = None if best is None else best.to(picture.pair.device)
        for name in ("best_evaluation", "best_losses", "blind", "warnings"):
            setattr(picture, name, state[name])

    def _averaged(self) -> Tensor | None:
        """The running average of the parameters, where the optimiser keeps one."""
        if isinstance(self.optimizer, Adam) and self.optimizer.average:
            return self.optimizer.averaged()
        return None

    def _keep_best(self, picture: Picture, x: Tensor, losses: dict[str, float], always: bool) -> None:
        finite = np.isfinite(losses["total"])
        picture.blind = 0 if finite else picture.blind + 1
        if finite and (always or picture.best is None or losses["total"] < picture.best_losses["total"]):
            picture.best, picture.best_evaluation, picture.best_losses = x.clone(), self.evaluation, losses
        if len(self.pictures) > 1 and picture.blind >= BLIND:
            picture.lost, picture.best = True, torch.zeros_like(x)


def step(
    objective: Objective, canvas: Canvas, optimizer: Optimizer, x: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, list[str]]]:
    """Evaluate x, or what the optimiser asks for, and tell it: the losses (batch, losses), where, and their names."""
    x = canvas.into_range(optimizer.ask() if x is None else x)
    evaluation = objective.evaluate(canvas.picture(x))
    optimizer.tell(x, evaluation.total, canvas.gradient(x, evaluation.gradient))
    whole = {name: evaluation.parts[name] for name in ("content", "style", "tv")} | {"total": evaluation.total}
    named = whole | evaluation.parts
    return torch.stack([*named.values()], 1).to(devices.widest(x.device)), (x, list(named))


def _canvas(pairs: list[Pair], inits: Sequence[Pixels | None], before: Run | None) -> tuple[Canvas, Tensor]:
    """What is painted on, and its first parameters: from where the run before has come to."""
    s, device = pairs[0].settings, pairs[0].device
    if s.method == "network":
        network = NetworkCanvas(to_tensor(pairs[0].content).to(device), s.seed)
        return network, network.start() if before is None else before.alone.so_far()
    shape = (len(pairs), 3, *pairs[0].content.shape[:2])
    canvas = PixelCanvas((shape[0], 1, *shape[2:]) if s.color == "luminance" else shape, s.range)
    first = _enlarged(before, shape) if before else torch.cat(list(map(start, pairs, inits))).to(device)
    return canvas, canvas.parameters(first)


def _enlarged(before: Run, shape: tuple[int, ...]) -> Tensor:
    pictures = before.canvas.picture(torch.cat([picture.so_far() for picture in before.pictures]))
    return F.interpolate(pictures, size=shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


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
