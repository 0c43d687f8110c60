"""The training of a student: its optimizers, one step, and the loop over the plan's stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm import tqdm

from nst.lite.checkpoint import log, restore, save
from nst.lite.crops import Crops, batches
from nst.lite.losses import distances, total
from nst.lite.samples import Buffer, Sample
from nst.lite.schedule import Plan, Schedule, Stage
from nst.lite.student import Student, exported
from nst.lite.stylizations import Stylization, stylizations
from nst.lite.widening import widened
from nst.machine import runtime
from nst.networks.extractor import FeatureExtractor

CHECKPOINT_SECONDS = 60
LOG_STEPS = 50
#: Number of crops that the maps are fitted to.
FIT_CROPS = 480


class Training:
    """The state of a training, which a checkpoint stores, and one step."""

    def __init__(self, plan: Plan, teacher: FeatureExtractor):
        self.plan = plan
        self.device = teacher.mean.device
        with torch.no_grad():
            probe = teacher(torch.zeros(1, 3, 32, 32, device=self.device))
        generator = torch.Generator().manual_seed(plan.seed)
        self.student = Student({name: f.shape[1] for name, f in probe.items()}, generator).to(self.device)
        first, *kernels = self.student.kernels
        self.optimizers = [
            torch.optim.Muon(kernels, lr=0, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.Adam([first, *self.student.biases, *self.student.maps.values()], lr=0, betas=(0.9, 0.99)),
        ]
        self.average = {name: p.detach().clone() for name, p in self.student.named_parameters()}
        self.step = 0
        self.seconds = 0.0
        self.scales: dict[str, float] = {}
        self.mean, self.std = teacher.mean, teacher.std

    def set_scales(self, teacher: FeatureExtractor, pictures: Tensor) -> None:
        """Set each layer's scale to the root mean square of the teacher's features of images."""
        with torch.no_grad():
            features = teacher(pictures)
        self.scales = {name: f.float().square().mean().sqrt().item() for name, f in features.items()}

    def start(self, state: dict[str, Tensor], teacher: FeatureExtractor, crops: Iterator[Tensor]) -> None:
        """Start from exported weights, widened if necessary."""
        self.student.load_kernels(widened(state, torch.Generator().manual_seed(self.plan.seed)))
        with torch.no_grad():
            self._fit_maps(teacher, crops)
            for name, p in self.student.named_parameters():
                self.average[name].copy_(p)

    def _fit_maps(self, teacher: FeatureExtractor, crops: Iterator[Tensor]) -> None:
        """Fit the maps to the teacher's features by least squares; exported weights contain only their R."""
        squares: dict[str, Tensor] = {}
        products: dict[str, Tensor] = {}
        fitted = 0
        while fitted < FIT_CROPS:
            pictures = next(crops)
            fitted += len(pictures)
            targets = teacher(pictures)
            for layer, s in self.student(self.normalized(pictures)).items():
                x, y = (f.float().transpose(0, 1).flatten(1) for f in (s, targets[layer] / self.scales[layer]))
                squares[layer] = squares.get(layer, 0) + x @ x.mT
                products[layer] = products.get(layer, 0) + x @ y.mT
        for layer, square in squares.items():
            # Regularization, because some channels are hardly ever active.
            square.diagonal().add_(1e-4 * square.diagonal().mean())
            self.student.maps[layer].copy_(torch.linalg.solve(square, products[layer]).mT)

    def learn(self, sample: Sample, stage: Stage, progress: float) -> dict[str, Tensor]:
        """One step. Returns the errors by name, detached and on the device: reading them here would wait for it."""
        rate = stage.learning_rate * self.plan.rate(self.step, progress)
        for optimizer, factor in zip(self.optimizers, (1.0, 2.0), strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.zero_grad()
        errors = distances(self.student, sample, self.normalized, stage.gradient_coefficient > 0)
        total(errors, self.plan, stage.gradient_coefficient).backward()
        parameters = list(self.student.parameters())
        torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        decay = min(self.plan.average, self.step / (self.step + 10))
        get_ema_multi_avg_fn(decay)(list(self.average.values()), parameters, self.step)
        return {name: value.detach() for name, value in errors.items()}

    def normalized(self, pictures: Tensor) -> Tensor:
        """Images as the student's input: normalized, channels-last, in bf16 where the hardware has it."""
        kind = runtime.compute_type("auto", self.device)
        return ((pictures - self.mean) / self.std).to(kind, memory_format=torch.channels_last)

    def exported(self) -> dict[str, Tensor]:
        """The state dict of a `FeatureExtractor` with the averaged weights."""
        return exported(self.average, self.scales)


class Means:
    """Means of named scalars, summed on their device."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, values: dict[str, Tensor]) -> None:
        self.sums = {name: value + self.sums.get(name, 0) for name, value in values.items()}
        self.count += 1

    def take(self) -> dict[str, float]:
        """The means since the last call, read from the device."""
        means = {name: value.item() / self.count for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def train(
    plan: Plan,
    pictures: list[Tensor],
    teacher: FeatureExtractor,
    folder: Path,
    *,
    start: dict[str, Tensor] | None = None,
    workers: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train until the plan's time is over, resuming from the folder's checkpoint if there is one.

    Args:
        pictures: (3, h, w) uint8 each. folder: of checkpoint, weights and log.
        start: exported weights to start from. workers: processes that compute crops.
        clock: returns the seconds that the schedule counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(plan, teacher)
    restore(training, folder)
    schedule = Schedule(plan, training.seconds, clock)
    for stage in plan.stages:
        if schedule.progress() >= stage.until:
            continue
        seed = plan.seed + training.step  # crops not used in an earlier stage or run
        torch.manual_seed(seed)
        crops = batches(Crops(pictures, stage.side, seed), stage.batch, training.device, workers)
        if not training.scales:
            training.set_scales(teacher, next(crops))
        if start and not training.step:
            training.start(start, teacher, crops)
        source = stylizations(crops, training.exported, stage, seed)
        _train_stage(stage, training, teacher, source, schedule, folder)
        save(training, folder, schedule.spent())


def _train_stage(
    stage: Stage,
    training: Training,
    teacher: FeatureExtractor,
    source: Iterator[Stylization],
    schedule: Schedule,
    folder: Path,
) -> None:
    """Fill the buffer with samples, and learn from it until the time of the stage is over."""

    def sample() -> Sample:
        return Sample.of(teacher, training.scales, next(source), stage.gradient_coefficient > 0)

    buffer = Buffer(stage.buffer)
    while buffer.filled < stage.buffer and schedule.progress() < stage.until:
        buffer.put(sample())
    means, saved = Means(), schedule.spent()
    with tqdm(desc=f"{stage.side} px", unit=" steps", disable=None) as bar:
        while (progress := schedule.progress()) < stage.until:
            if training.step % training.plan.reuse == 0:
                buffer.put(sample())
            means.add(training.learn(buffer.draw(stage.batch), stage, progress))
            bar.update()
            if training.step % LOG_STEPS == 0:
                log(folder, training.step, schedule.spent(), stage.side, means.take())
            if schedule.spent() - saved > CHECKPOINT_SECONDS:
                saved = schedule.spent()
                save(training, folder, saved)
