"""A run: the optimization of a batch of images at one scale. Each image is one row of the canvas and the optimizer."""

from __future__ import annotations

import math
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
from nst.engine.level import Level, Pixels, start
from nst.engine.pyramid import PyramidCanvas
from nst.engine.stopping import remaining_gain
from nst.errors import NstError
from nst.losses.objective import Objective, joined
from nst.machine import runtime
from nst.networks.extractor import to_tensor
from nst.optim.adam import Adam, RMSprop
from nst.optim.base import Optimizer
from nst.optim.lbfgs import LBFGS
from nst.optim.preconditioner import Smoothing
from nst.settings import Settings

#: Root mean square of L-BFGS's first step, in units of 0..1: large enough to measure the curvature.
FIRST_STEP = 0.02
#: Upper bound of a step's root mean square: the curvature pairs say nothing about points further away.
LONGEST_STEP = 0.1
#: Curvature pairs that L-BFGS stores: at most MEMORY, fewer where they would exceed MEMORY_BYTES, but at least
#: MIN_MEMORY. A pair takes two images in float32, on a GPU in bf16. After 200 iterations the loss is 0.1 to 0.4 %
#: lower with 40 pairs than with 15, in the same time; 100 pairs are no better than 40.
MEMORY, MIN_MEMORY, MEMORY_BYTES = 40, 15, 1e9
#: Iterations in a row without a finite loss after which a run changes to float32.
NOT_FINITE = 4


@dataclass
class ImageState:
    """One image of a run: its best parameters so far, (1, n), and its history."""

    level: Level
    best: Tensor | None = None
    best_iteration: int = 0
    best_losses: dict[str, float] = field(default_factory=dict)
    lowest: list[float] = field(default_factory=list)  # total loss of the best image after each iteration
    not_finite: int = 0  # iterations in a row without a finite loss
    failed: bool = False  # its losses are not finite, and a batch cannot change to float32 for one image
    warnings: list[str] = field(default_factory=list)

    @property
    def style_weight(self) -> float:
        return float(self.level.settings.style_weight)

    @style_weight.setter
    def style_weight(self, weight: float) -> None:
        settings = self.level.settings.model_copy(update={"style_weight": weight})
        self.level = replace(self.level, settings=settings)

    def best_parameters(self) -> Tensor:
        """The best parameters, (1, n). NstError where no iteration gave finite losses."""
        if self.best is None:
            raise NstError(
                "no iteration gave finite losses; reduce `content_weight` or `style_weight`, or set `precision: fp32`"
            )
        return self.best


class _Started(NamedTuple):
    """A started iteration."""

    rows: Tensor  # the losses, (batch, losses)
    x: Tensor  # the evaluated parameters, (batch, n)
    names: list[str]  # of the losses
    averaged: Tensor | None  # the running average of the parameters before this iteration, (batch, n)


class Run:
    """The optimization of a batch of images of one shape. A context manager: at its end it frees the network.

    Args:
        levels: the inputs of each image at this scale.
        inits: the initial image of each, where its settings name a file.
        dtype: of activations. before: the run at the coarser scale; this one starts from its result.
        resume: the `state` of an earlier run, for a batch of one image.
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
        self.ends_at: int | None = None  # the last iteration, where `tolerance` has decided it
        if before is not None:
            self._continue(before)
        self.canvas, x = _canvas(levels, inits, before)
        for image in self.images:
            if image.failed:
                image.best = torch.zeros_like(x[:1])  # in place of a result, for the next scale
        self.optimizer = _optimizer(x, self.canvas, levels[0].settings, self.iteration)
        self._started: _Started | None = None
        if resume is not None:
            self._restore(resume)
        self.objective, self._step = self._compile()
        if resume is not None:
            self.objective.load_state(resume["objective"])

    def _continue(self, before: Run) -> None:
        """Take over precision, iteration, warnings and style weights of the run at the coarser scale."""
        self.dtype, self.iteration = before.dtype, before.iteration
        for image, earlier in zip(self.images, before.images, strict=True):
            image.warnings, image.failed = earlier.warnings, earlier.failed
            image.style_weight = earlier.style_weight

    def _compile(self) -> tuple[Objective, Replay[tuple[Tensor, list[str]]]]:
        """The objective with its targets, and the step that performs one iteration."""
        level = self.images[0].level
        with runtime.gpu_lock(self.device):
            network = level.network(self.dtype)
            objective = joined([image.level.objective(network) for image in self.images])
        step = partial(take_step, objective, self.canvas, self.optimizer)
        return objective, Replay(step, self.optimizer, self.device, recordable=objective.recordable)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        """Free network, targets and CUDA graph. The images stay: the next scale starts from them."""
        if self.recorded and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # a graph must not be freed while it is replayed
        self._freed = self.objective.state()
        del self.objective, self._step

    @property
    def only_image(self) -> ImageState:
        """The image of a batch of one."""
        [image] = self.images
        return image

    @property
    def precision(self) -> str:
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    @property
    def recorded(self) -> bool:
        """Whether iterations are replayed: the GPU then computes one while this process does other work."""
        return self._step.graph is not None

    def start_iteration(self, *, last: bool) -> None:
        """Start the iteration that the next `iterate` returns. The run must not be changed in between."""
        averaged = self.optimizer.averaged()
        if averaged is None or not last:
            rows, (x, names) = self._step()
        else:
            with runtime.gpu_lock(self.device):
                rows, (x, names) = take_step(self.objective, self.canvas, self.optimizer, averaged)
        self._started = _Started(rows, x, names, averaged)

    def iterate(self, *, last: bool) -> tuple[list[dict[str, float]], list[Tensor]]:
        """One iteration. The last one evaluates the running average if there is one.

        Returns:
            for each image the losses, and the parameters (1, n) to show: the running average, or the best so far.
        """
        if self._started is None:
            self.start_iteration(last=last)
        assert self._started is not None
        (rows, x, names, averaged), self._started = self._started, None
        self.iteration += 1
        losses = [dict(zip(names, row, strict=True)) for row in rows.tolist()]  # one transfer from the device
        for index, image in enumerate(self.images):
            if not image.failed:
                self._update_best(image, x[index : index + 1], losses[index], last and averaged is not None)
                if self._step.problem and self._step.problem not in image.warnings:
                    image.warnings.append(self._step.problem)
        if averaged is not None:
            return losses, list(averaged.split(1))
        return losses, [x[k : k + 1].clone() if i.best is None else i.best for k, i in enumerate(self.images)]

    def pixels(self, level: Level, x: Tensor) -> Pixels:
        """The image of parameters (1, n), (H, W, 3) in 0..1."""
        return level.to_pixels(self.canvas.picture(self.canvas.into_range(x)))

    def fall_back_to_float32(self, *, last: bool) -> None:
        """Change to float32 after NOT_FINITE iterations without a finite loss, in a batch of one image.

        After the last iteration, the best image is kept instead if there is one. Raises NstError where no iteration in
        float32 gave a finite loss either.
        """
        if len(self.images) > 1 or self.only_image.not_finite < NOT_FINITE:
            return
        image = self.only_image
        if last and image.best is not None:
            return
        where = f"iteration {self.iteration}: the losses are not finite"
        if self.dtype == torch.float32:
            if image.best is None:
                raise NstError(
                    f"{where} even in fp32; reduce `content_weight`, `style_weight` or `learning_rate`, or check the "
                    "network's weights"
                )
            return
        image.warnings.append(f"{where}; continued in fp32")
        self.dtype, image.not_finite = torch.float32, 0
        image.best, image.lowest = None, []  # losses of different precisions are not comparable
        self.optimizer.restart()
        self._free()
        self.objective, self._step = self._compile()
        self.objective.continue_draws(self._freed)

    def may_stop(self, last: int) -> bool:
        """Whether the iterations until the last one are predicted to gain less than the setting `tolerance`."""
        image = self.only_image
        iterations = last - self.iteration + len(image.lowest)
        return remaining_gain(image.lowest, iterations) < image.level.settings.tolerance

    def set_style_weight(self, weight: float, *, keep: bool) -> None:
        """Continue with another style weight. Total losses before and after are not comparable.

        keep: whether to keep the best image, because the next scale starts from it.
        """
        image = self.only_image
        image.style_weight = weight
        self.objective.settings = image.level.settings
        self.optimizer.restart()
        self._step.discard_graph()
        if not keep:
            image.best = None

    def state(self, index: int) -> dict[str, Any]:
        """The checkpoint of an image, for `resume`.

        It includes the started iteration, because the optimizer's state is that after it.
        """
        image, row, started = self.images[index], slice(index, index + 1), None
        if self._started is not None:
            started = {k: v[row].clone() if isinstance(v, Tensor) else v for k, v in self._started._asdict().items()}
        return {
            "started": started,
            "optimizer": self.optimizer.state_dict(index),
            "precision": self.precision,
            "iteration": self.iteration,
            "ends_at": self.ends_at,
            "best": image.best,
            "best_iteration": image.best_iteration,
            "best_losses": image.best_losses,
            "lowest": list(image.lowest),
            "not_finite": image.not_finite,
            "warnings": list(image.warnings),
            "style_weight": image.style_weight,
            "objective": self.objective.state() if hasattr(self, "objective") else self._freed,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        image, best = self.only_image, state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        image.style_weight = state["style_weight"]
        if (started := state["started"]) is not None:
            self._started = _Started(
                **{k: v.to(self.device) if isinstance(v, Tensor) else v for k, v in started.items()}
            )
        self.dtype = torch.bfloat16 if state["precision"] == "bf16" else torch.float32
        self.iteration, self.ends_at = state["iteration"], state["ends_at"]
        image.best = None if best is None else best.to(self.device)
        for name in ("best_iteration", "best_losses", "lowest", "not_finite", "warnings"):
            setattr(image, name, state[name])

    def _update_best(self, image: ImageState, x: Tensor, losses: dict[str, float], always: bool) -> None:
        finite = np.isfinite(losses["total"])
        image.not_finite = 0 if finite else image.not_finite + 1
        latest = always or not self.objective.comparable or image.best is None
        if finite and (latest or losses["total"] < image.best_losses["total"]):
            image.best, image.best_iteration, image.best_losses = x.clone(), self.iteration, losses
        if image.best is not None:
            image.lowest.append(image.best_losses["total"])
        if len(self.images) > 1 and image.not_finite >= NOT_FINITE:
            image.failed, image.best = True, torch.zeros_like(x)


def take_step(
    objective: Objective, canvas: Canvas, optimizer: Optimizer, x: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, list[str]]]:
    """One iteration: evaluate x, by default the optimizer's next point, and tell the optimizer.

    Returns:
        the losses (batch, losses), and with them (the evaluated point (batch, n), the names of the losses).
    """
    x = canvas.into_range(optimizer.ask() if x is None else x)
    value = objective.evaluate(canvas.picture(x, differentiable=True))
    total, gradient = value.total, canvas.gradient(x, value.gradient)
    if (unit := _unit(objective.settings)) > 1:
        total, gradient = total / unit, gradient / unit
    optimizer.tell(x, total, gradient)
    sums = {name: value.parts[name] for name in ("content", "style", "tv")} | {"total": value.total}
    named = sums | value.parts
    return torch.stack([*named.values()], 1).to(runtime.widest(x.device)), (x, list(named))


def _unit(settings: Settings) -> float:
    """The unit of the optimizer's losses. With the largest weights, squares of gradients would be beyond float32.

    A power of 2, so that no value is rounded; 1 for weights below 2^30.
    """
    largest = max(settings.content_weight, settings.style_weight, settings.tv_weight, settings.photo_weight)
    return 2.0 ** max(0, math.frexp(largest)[1] - 30)


def _canvas(levels: list[Level], inits: Sequence[Pixels | None], before: Run | None) -> tuple[Canvas, Tensor]:
    """The canvas and its initial parameters, (batch, n): from `before`, or by the setting `init`."""
    s, device = levels[0].settings, levels[0].device
    if s.parameters == "network":
        network = NetworkCanvas(to_tensor(levels[0].content).to(device), s.seed)
        return network, network.start() if before is None else before.only_image.best_parameters()
    shape = (len(levels), 3, *levels[0].content.shape[:2])
    of_pixels = PyramidCanvas if s.parameters == "pyramid" else PixelCanvas
    canvas = of_pixels((shape[0], 1, *shape[2:]) if s.color == "luminance" else shape, s.pixel_range)
    if before is None:
        return canvas, canvas.parameters(torch.cat(list(map(start, levels, inits))).to(device))
    picture = before.canvas.picture(torch.cat([image.best_parameters() for image in before.images]))
    if picture.shape[2:] != shape[2:]:  # not a final pass
        picture = F.interpolate(picture, size=shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)
    rows = [level.masked(row) for level, row in zip(levels, picture.split(1), strict=True)]
    return canvas, canvas.parameters(torch.cat(rows))


def _optimizer(x: Tensor, canvas: Canvas, settings: Settings, age: int) -> Optimizer:
    if settings.optimizer != "lbfgs" or not isinstance(canvas, PixelCanvas):
        kind = RMSprop if settings.optimizer == "rmsprop" else Adam
        return kind(
            x,
            learning_rate=settings.learning_rate or (0.005 if settings.parameters == "network" else 0.02),
            decay=settings.learning_rate_decay,
            ema_decay=settings.ema_decay,
            age=age,
        )
    return LBFGS(
        x,
        # The bands of a pyramid need no smoothing: their gradients are those of smoothed pixels.
        precondition=None if isinstance(canvas, PyramidCanvas) else Smoothing(canvas.shape, x.device),
        memory=max(MIN_MEMORY, min(MEMORY, int(MEMORY_BYTES / (8 * x[0].numel())))),
        learning_rate=settings.learning_rate or 1.0,
        first_step=FIRST_STEP,
        longest_step=LONGEST_STEP,
    )
