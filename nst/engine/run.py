"""The state of a run, from one iteration to the next: images of one shape, a row each of canvas and optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nst.engine.canvas import Canvas, NetworkCanvas, PixelCanvas
from nst.engine.cuda_graph import Replay
from nst.engine.level import Level, Pixels, start, to_tensor
from nst.errors import NstError
from nst.losses.objective import Objective, joined
from nst.machine import runtime
from nst.optim.adam import Adam
from nst.optim.base import Optimizer
from nst.optim.lbfgs import LBFGS
from nst.optim.preconditioner import Smoothing
from nst.settings import Settings

#: The root mean square of L-BFGS's first step, in the range 0..1: large enough to learn the curvature from.
FIRST_STEP = 0.02
#: The root mean square that no step exceeds: further off, nothing that was learned holds.
LONGEST_STEP = 0.1
#: Steps that L-BFGS remembers, at two images of float32 each (on a GPU of 16 bits): at most, and at least where they
#: would fill more bytes than these. After 200 iterations 40 lower the loss by 0.1 to 0.4 % against 15, in the same
#: time; 100 by no more.
MEMORY, MEMORY_LEAST, MEMORY_BYTES = 40, 15, 1e9
#: Iterations in a row without a finite loss before 16-bit activations are given up.
NOT_FINITE = 4


@dataclass
class ImageState:
    """One image of a run: its best parameters so far, (1, n), and what has happened to it."""

    level: Level
    best: Tensor | None = None
    best_iteration: int = 0
    best_losses: dict[str, float] = field(default_factory=dict)
    not_finite: int = 0
    """Iterations in a row without a finite loss."""
    failed: bool = False
    """In this batch: alone it would be continued in float32."""
    warnings: list[str] = field(default_factory=list)

    @property
    def style_weight(self) -> float:
        return float(self.level.settings.style_weight)

    @style_weight.setter
    def style_weight(self, weight: float) -> None:
        settings = self.level.settings.model_copy(update={"style_weight": weight})
        self.level = replace(self.level, settings=settings)

    def so_far(self) -> Tensor:
        """The best parameters; NstError where there are none."""
        if self.best is None:
            raise NstError("no iteration gave finite losses; lower the weights, or use --precision fp32")
        return self.best


class _Begun(NamedTuple):
    """An iteration: its losses (batch, losses), where it is, (batch, n), the losses' names, and the average before."""

    rows: Tensor
    x: Tensor
    names: list[str]
    averaged: Tensor | None


class Run:
    """Images of one shape that are optimized as a batch; as a context manager it frees its network at the end.

    Args:
        levels: what each image is stylized from, at this scale. inits: the images to start from, where settings name
            files.
        dtype: of activations. before: the run at the scale before, whose result this one starts from.
        resume: the `state` of an earlier run of the same image.
    """

    def __init__(
        self,
        levels: list[Level],
        inits: Sequence[Pixels | None],
        dtype: torch.dtype,
        before: Run | None = None,
        resume: dict[str, Any] | None = None,
    ):
        self.images = [ImageState(level) for level in levels]
        self.device, self.dtype, self.iteration = levels[0].device, dtype, 0
        if before is not None:
            self._continue(before)
        self.canvas, x = _canvas(levels, inits, before)
        self.optimizer = _optimizer(x, self.canvas, levels[0].settings, self.iteration)
        self._begun: _Begun | None = None
        if resume is not None:
            self._restore(resume)
        self.objective, self._step = self._compile()

    def _continue(self, before: Run) -> None:
        self.dtype, self.iteration = before.dtype, before.iteration
        for image, earlier in zip(self.images, before.images, strict=True):
            image.warnings, image.failed = earlier.warnings, earlier.failed
            image.style_weight = earlier.style_weight

    def _compile(self) -> tuple[Objective, Replay[tuple[Tensor, list[str]]]]:
        """Compute the targets; what is evaluated, and the step that does it."""
        level = self.images[0].level
        with runtime.turn(self.device):
            network = level.network(self.dtype)
            objective = joined([image.level.objective(network) for image in self.images])
        able = not level.settings.tile and objective.style_loss.recordable  # a tile keeps a GPU busy by itself
        step = partial(take_step, objective, self.canvas, self.optimizer)
        return objective, Replay(step, self.optimizer, self.device, able=able)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        """Free network, targets and recording: who looks back at this run needs its images only."""
        if self.recorded and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # a recording must stay while it is replayed
        del self.objective, self._step

    @property
    def alone(self) -> ImageState:
        """The image, where there is one."""
        [image] = self.images
        return image

    @property
    def precision(self) -> str:
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    @property
    def recorded(self) -> bool:
        """Whether an iteration is only queued on the GPU, which computes it while this process does other work."""
        return self._step.graph is not None

    def begin(self, *, last: bool) -> None:
        """Begin the iteration that the next `evaluate` returns; nothing may be changed until then."""
        averaged = self._averaged()
        if averaged is None or not last:
            rows, (x, names) = self._step()
        else:
            with runtime.turn(self.device):
                rows, (x, names) = take_step(self.objective, self.canvas, self.optimizer, averaged)
        self._begun = _Begun(rows, x, names, averaged)

    def evaluate(self, *, last: bool) -> tuple[list[dict[str, float]], list[Tensor]]:
        """One iteration, the last one of the average if there is one.

        Returns:
            of each image the losses, and the parameters (1, n) that are shown: of the average, or of the best so far.
        """
        if self._begun is None:
            self.begin(last=last)
        assert self._begun is not None
        (rows, x, names, averaged), self._begun = self._begun, None
        self.iteration += 1
        losses = [dict(zip(names, row, strict=True)) for row in rows.tolist()]  # one transfer from the device
        for index, image in enumerate(self.images):
            if not image.failed:
                self._keep_best(image, x[index : index + 1], losses[index], last and averaged is not None)
                if self._step.problem and self._step.problem not in image.warnings:
                    image.warnings.append(self._step.problem)
        if averaged is not None:
            return losses, list(averaged.split(1))
        return losses, [x[k : k + 1].clone() if i.best is None else i.best for k, i in enumerate(self.images)]

    def pixels(self, level: Level, x: Tensor) -> Pixels:
        """The image that parameters (1, n) make, (H, W, 3) in 0..1."""
        return level.shown(self.canvas.picture(self.canvas.into_range(x)))

    def fall_back_to_float32(self) -> None:
        """Continue in float32 where shorter steps gave no finite loss. Raises NstError where float32 did not either.

        A batch does not change for one of its images: that one fails, to be stylized alone.
        """
        if len(self.images) > 1 or self.alone.not_finite < NOT_FINITE:
            return
        image = self.alone
        where = f"iteration {self.iteration}: the losses are not finite"
        if self.dtype == torch.float32:
            if image.best is None:
                raise NstError(
                    f"{where} even in fp32; lower the weights or the learning rate, or check the weights' file"
                )
            return
        image.warnings.append(f"{where}; went on in fp32")
        self.dtype, image.not_finite = torch.float32, 0
        image.best = None  # losses of two precisions do not compare
        self.optimizer.restart()
        self._free()
        self.objective, self._step = self._compile()

    def set_style_weight(self, weight: float, *, keep: bool) -> None:
        """Continue with another style weight: losses before and after do not compare.

        Args:
            keep: the best image, which the next scale starts from.
        """
        image = self.alone
        image.style_weight = weight
        self.objective.settings = image.level.settings
        self.optimizer.restart()
        self._step.forget()
        if not keep:
            image.best = None

    def state(self, index: int) -> dict[str, Any]:
        """What `resume` takes, of an image alone, with an iteration that has begun: the optimizer knows of it."""
        image, row, begun = self.images[index], slice(index, index + 1), self._begun
        if begun is not None:
            rows, x, names, averaged = begun
            begun = _Begun(
                rows[row].clone(), x[row].clone(), names, None if averaged is None else averaged[row].clone()
            )
        return {
            "begun": None if begun is None else begun._asdict(),
            "optimizer": self.optimizer.state_dict(index),
            "precision": self.precision,
            "iteration": self.iteration,
            "best": image.best,
            "best_iteration": image.best_iteration,
            "best_losses": image.best_losses,
            "not_finite": image.not_finite,
            "warnings": list(image.warnings),
            "style_weight": image.style_weight,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        image, best = self.alone, state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        image.style_weight = state["style_weight"]
        if (begun := state["begun"]) is not None:
            self._begun = _Begun(**{k: v.to(self.device) if isinstance(v, Tensor) else v for k, v in begun.items()})
        self.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
        self.iteration = state["iteration"]
        image.best = None if best is None else best.to(self.device)
        for name in ("best_iteration", "best_losses", "not_finite", "warnings"):
            setattr(image, name, state[name])

    def _averaged(self) -> Tensor | None:
        """The running average of the parameters, where the optimizer keeps one."""
        if isinstance(self.optimizer, Adam) and self.optimizer.ema_decay:
            return self.optimizer.averaged()
        return None

    def _keep_best(self, image: ImageState, x: Tensor, losses: dict[str, float], always: bool) -> None:
        finite = np.isfinite(losses["total"])
        image.not_finite = 0 if finite else image.not_finite + 1
        if finite and (always or image.best is None or losses["total"] < image.best_losses["total"]):
            image.best, image.best_iteration, image.best_losses = x.clone(), self.iteration, losses
        if len(self.images) > 1 and image.not_finite >= NOT_FINITE:
            image.failed, image.best = True, torch.zeros_like(x)


def take_step(
    objective: Objective, canvas: Canvas, optimizer: Optimizer, x: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, list[str]]]:
    """Evaluate x, or what the optimizer asks for, and tell it: the losses (batch, losses), where, and their names."""
    x = canvas.into_range(optimizer.ask() if x is None else x)
    value = objective.evaluate(canvas.picture(x))
    optimizer.tell(x, value.total, canvas.gradient(x, value.gradient))
    whole = {name: value.parts[name] for name in ("content", "style", "tv")} | {"total": value.total}
    named = whole | value.parts
    return torch.stack([*named.values()], 1).to(runtime.widest(x.device)), (x, list(named))


def _canvas(levels: list[Level], inits: Sequence[Pixels | None], before: Run | None) -> tuple[Canvas, Tensor]:
    """What is optimized, and its first parameters: from the result of the run before."""
    s, device = levels[0].settings, levels[0].device
    if s.method == "network":
        network = NetworkCanvas(to_tensor(levels[0].content).to(device), s.seed)
        return network, network.start() if before is None else before.alone.so_far()
    shape = (len(levels), 3, *levels[0].content.shape[:2])
    canvas = PixelCanvas((shape[0], 1, *shape[2:]) if s.color == "luminance" else shape, s.pixel_range)
    first = _enlarged(before, shape) if before else torch.cat(list(map(start, levels, inits))).to(device)
    return canvas, canvas.parameters(first)


def _enlarged(before: Run, shape: tuple[int, ...]) -> Tensor:
    pictures = before.canvas.picture(torch.cat([image.so_far() for image in before.images]))
    return F.interpolate(pictures, size=shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


def _optimizer(x: Tensor, canvas: Canvas, settings: Settings, age: int) -> Optimizer:
    if not isinstance(canvas, PixelCanvas) or settings.optimizer == "adam":
        return Adam(
            x,
            learning_rate=settings.learning_rate or (0.005 if settings.method == "network" else 0.02),
            decay=settings.learning_rate_decay,
            ema_decay=settings.ema_decay,
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
