"""Train `lite`, the embedded network, to see pictures as VGG-19 does (knowledge distillation).

    python -m nst.lite.train PICTURES --teacher vgg19.pth --work ~/lite --leave-out TEST_PICTURES

PICTURES is a folder of photographs and paintings; pictures that look like one of TEST_PICTURES are left out. Goes on
from the checkpoint in the work folder, which is renewed every five minutes; `log.csv` there holds the losses and
`lite.safetensors` the averaged weights so far. train.yaml beside this file says how; the model card is docs/lite.md.

The student starts from random weights. At each tap its features s are compared, through a linear map M that is
learnt with them, to the teacher's t: ‖Ms − t‖²/‖t‖². So are the Gram matrices, and the gradients in the picture of
style transfer's loss, which is what an optimiser will follow. The crops are cut from the pictures, distorted and
mixed; a share of them the student has painted itself: optimised on its features, a picture goes wherever they are
wrong, so there it is taught.
"""

from __future__ import annotations

import argparse
import copy
import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from nst import devices, weights
from nst.files import replacing
from nst.images import read_picture, resize
from nst.losses import gram
from nst.networks import FeatureExtractor
from nst.objective import Objective
from nst.optimizers import LBFGS
from nst.settings import LITE_LAYERS, convolutions, make
from nst.smoothing import Smoothing
from nst.yamlfile import read_mapping

CHECKPOINT_SECONDS = 300
LOG_STEPS = 100
STYLE_LAYERS = [layer for layer in LITE_LAYERS if layer.endswith("_1")]
#: Evaluations of a turn at a painting after which it is shown to the student.
MARKS = (5, 20)
#: Turns at a painting before another is begun in its place, on average.
TURNS = 8
#: Batches of paintings that are under way.
EASELS = 8
#: Crops that maps are fitted to.
FITTED = 480
LONGEST = 640  # px that a training picture is reduced to
#: Correlation of thumbnails above which two pictures count as the same: 0.74 is another crop of the same painting.
ALIKE = 0.7


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Up to which step; the crops' side in px; triples of picture, content and style a step, and kept for reuse; the share
    of their pictures that the student has gone on with; Muon's learning rate; the weight of the gradients' errors.
    """

    until: int
    side: int
    batch: int
    buffer: int
    painted: float
    learning_rate: float
    gradient_weight: float


@dataclass(frozen=True)
class Plan:
    """train.yaml."""

    seed: int
    stages: list[Stage]
    reuse: int
    warm_up: int
    decay: float
    gram_weight: float
    average: float

    @classmethod
    def read(cls, path: Path) -> Plan:
        given = read_mapping(path)
        return cls(**given | {"stages": [Stage(**stage) for stage in given["stages"]]})

    def rate(self, step: int) -> float:
        """The learning rate's share at a step: rises linearly, holds, falls linearly to 0."""
        steps = self.stages[-1].until
        return min(1.0, (step + 1) / self.warm_up, (steps - step) / (self.decay * steps))


class Student(nn.Module):
    """The network in training: its weights as matrices, which Muon wants, and a map to the teacher's channels a tap.

    Args:
        channels: of the teacher at each tap.
    """

    def __init__(self, channels: dict[str, int], generator: torch.Generator):
        super().__init__()
        self.kernels, self.biases, self.maps = nn.ParameterList(), nn.ParameterList(), nn.ParameterDict()
        before = 3
        for name, width in convolutions("lite").items():
            kernel = torch.randn(width, 9 * before, generator=generator) * (2 / (9 * before)) ** 0.5  # He et al. 2015
            self.kernels.append(kernel)
            self.biases.append(torch.zeros(width))
            if name in channels:
                self.maps[name] = torch.randn(channels[name], width, generator=generator) * 0.1 / width**0.5
            before = width

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Normalised pictures (batch, 3, h, w) to the features at each tap, in the pictures' type."""
        x, taps, block = pictures, {}, "1"
        for name, kernel, bias in zip(convolutions("lite"), self.kernels, self.biases, strict=True):
            if name[4] != block:
                x, block = F.max_pool2d(x, 2), name[4]
            weight = kernel.view(len(bias), -1, 3, 3).to(x.dtype, memory_format=torch.channels_last)
            x = F.relu(F.conv2d(x, weight, bias.to(x.dtype), padding=1))
            if name in self.maps:
                taps[name] = x
        return taps


def exported(parameters: dict[str, Tensor], scales: dict[str, float]) -> dict[str, Tensor]:
    """The student's parameters as `FeatureExtractor` takes them: torchvision's keys, and a triangle a map.

    Only lengths matter to the losses, and ‖Mx‖ = ‖Rx‖ where M = QR. The maps give features divided by the scales.
    """
    state, number, block = {}, 0, "1"
    for i, name in enumerate(convolutions("lite")):
        if name[4] != block:
            number, block = number + 1, name[4]  # the pooling
        bias = parameters[f"biases.{i}"]
        state[f"features.{number}.weight"] = parameters[f"kernels.{i}"].view(len(bias), -1, 3, 3)
        state[f"features.{number}.bias"] = bias
        if f"maps.{name}" in parameters:
            state[f"maps.{name}"] = scales[name] * torch.linalg.qr(parameters[f"maps.{name}"], mode="r").R
        number += 2  # the convolution and its ReLU
    return {key: value.detach().clone().contiguous() for key, value in state.items()}


def read_pictures(folder: Path, leave_out: Path | None) -> list[Tensor]:
    """Every picture of a folder, (3, h, w) uint8, without those that look like one of another folder."""
    known = [_thumbnail(_read(path)) for path in _files(leave_out)] if leave_out else []
    known += [thumbnail[:, ::-1] for thumbnail in known]
    kept = []
    for path in tqdm(_files(folder), "reading", disable=None):
        picture = _read(path)
        small = _thumbnail(picture)
        if any((small * other).mean() > ALIKE for other in known):
            print(f"left out, for it looks like a test picture: {path.name}", flush=True)
            continue
        kept.append(torch.from_numpy((picture * 255).round().astype(np.uint8)).permute(2, 0, 1).contiguous())
    return kept


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def _read(path: Path) -> np.ndarray:
    pixels = read_picture(path).pixels
    return resize(pixels, long_side=LONGEST) if max(pixels.shape) > LONGEST else pixels


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """16 × 16 grey values of mean 0 and variance 1."""
    grey = resize(pixels, shape=(16, 16)).mean(2)
    return (grey - grey.mean()) / (grey.std() + 1e-6)


class Crops:
    """Endless crops of the pictures: scaled, turned, recoloured, mixed, with noise."""

    def __init__(self, pictures: list[Tensor], side: int, seed: int):
        self.pictures, self.side = pictures, side
        self.random = np.random.default_rng(seed)

    def draw(self, count: int) -> Tensor:
        """(count, 3, side, side) in 0..1."""
        return torch.stack([self._mixed() for _ in range(count)])

    def _mixed(self) -> Tensor:
        random = self.random
        crop, kind = self._recoloured(self._cut()), random.random()
        if kind < 0.12:
            crop = torch.lerp(crop, self._recoloured(self._cut()), float(random.uniform(0.1, 0.9)))
        elif kind < 0.2:  # two pictures side by side
            seam = int(random.uniform(0.2, 0.8) * self.side)
            crop[:, :, seam:] = self._cut()[:, :, seam:]
        elif kind < 0.23:
            crop = self._noise()
        if random.random() < 0.25:
            grain = torch.from_numpy(random.standard_normal(crop.shape, np.float32))
            crop = crop + float(random.uniform(0, 0.2)) * grain
        return crop.clamp(0, 1)

    def _cut(self) -> Tensor:
        random, side = self.random, self.side
        picture = self.pictures[random.integers(len(self.pictures))]
        height, width = picture.shape[1:]
        cut = int(min(height, width, side * 2 ** random.uniform(-0.7, 1.3)))
        top, left = random.integers(height - cut + 1), random.integers(width - cut + 1)
        crop = picture[:, top : top + cut, left : left + cut].float()[None] / 255
        crop = F.interpolate(crop, size=(side, side), mode="bicubic", antialias=True, align_corners=False)[0]
        if random.random() < 0.5:
            crop = crop.flip(2)
        if random.random() < 0.15:
            crop = crop.transpose(1, 2)
        return crop.contiguous()

    def _recoloured(self, crop: Tensor) -> Tensor:
        random = self.random
        if random.random() < 0.5:
            return crop
        if random.random() < 0.25:
            crop = crop[torch.from_numpy(random.permutation(3))]
        if random.random() < 0.05:
            crop = 1 - crop
        grey = crop.mean(0, keepdim=True)
        crop = torch.lerp(grey, crop, float(random.uniform(0, 2)))  # saturation
        middle = crop.mean()
        crop = (crop - middle) * float(random.uniform(0.4, 1.5)) + middle * float(random.uniform(0.6, 1.3))
        return crop.clamp(0, 1) ** float(2 ** random.uniform(-0.5, 0.5))

    def _noise(self) -> Tensor:
        """Noise of a random grain and contrast around a random colour; a flat colour at worst."""
        random, side = self.random, self.side
        grain = int(side / 2 ** random.uniform(0, 5))
        noise = torch.from_numpy(random.standard_normal((1, 3, grain, grain), np.float32))
        noise = F.interpolate(noise, size=(side, side), mode="bilinear", align_corners=False)[0]
        colour = torch.from_numpy(random.uniform(0, 1, (3, 1, 1)).astype(np.float32))
        return (colour + float(random.uniform(0, 0.4)) * noise).clamp(0, 1)


@dataclass
class Painting:
    """A batch of style transfers under way, (batch, 3, side, side) each.

    `weights` (batch, 6): of the content and of each style layer, by which it is painted and its gradient is taught.
    """

    pictures: Tensor
    contents: Tensor
    styles: Tensor
    weights: Tensor

    @classmethod
    def begin(cls, crops: Crops, count: int, device: torch.device) -> Painting:
        """From the content, noise, the style, or something between."""
        random = crops.random
        contents, styles = crops.draw(count), crops.draw(count)
        other = [styles, torch.from_numpy(random.random(contents.shape, np.float32))][random.integers(2)]
        start = torch.lerp(contents, other, float(max(0, random.uniform(-1, 1))))
        # All layers alike, as they are used, or mostly a few: a deep layer's gradient is small beside the others'.
        shares = np.full(5, 0.2) if random.random() < 0.5 else random.dirichlet(np.full(5, 0.3)) + 1e-3
        style_weights = 10 ** random.uniform(0.3, 1.5) * shares
        weights = torch.tensor([float(random.random() > 0.1), *style_weights], dtype=torch.float32)
        return cls(*(t.to(device) for t in (start, contents, styles, weights.expand(count, -1))))

    def go_on(self, state: dict[str, Tensor]) -> Iterator[Painting]:
        """Take a turn with the student as it is now; what it shows at the MARKS."""
        network = FeatureExtractor("lite", state, LITE_LAYERS).convert(self.pictures.device, torch.bfloat16)
        content_weight, *shares = self.weights[0].tolist()
        settings = make({
            "network": "lite",
            "content_weight": content_weight,
            "style_weight": sum(shares),
            "style_layers": dict(zip(STYLE_LAYERS, shares, strict=True)),
        })  # fmt: skip
        objective = Objective(network, self.contents, [(self.styles, 1.0)], settings)
        shape = self.pictures.shape
        x = self.pictures.flatten(1)
        optimizer = LBFGS(
            x, precondition=Smoothing(tuple(shape), x.device), memory=10, first_step=0.02, longest_step=0.1
        )
        for evaluation in range(1, max(MARKS) + 1):
            x = optimizer.ask().clamp(0, 1)
            found = objective.evaluate(x.view(shape))
            optimizer.tell(x, found.total, found.gradient.flatten(1))
            if evaluation in MARKS:
                self.pictures = optimizer.x.view(shape).clone()
                yield self


@dataclass
class Lesson:
    """Paintings with what the teacher sees in them: its features in bf16, and its gradient at the pictures.

    `pictures` (batch, 3, 3, side, side): picture, content, style; `features` (3 · batch, …) in the same order.
    """

    pictures: Tensor
    weights: Tensor
    features: dict[str, Tensor]
    gradients: Tensor

    @classmethod
    def give(cls, teacher: FeatureExtractor, scales: dict[str, float], painting: Painting, gradient: bool) -> Lesson:
        """The teacher's view of a painting; its gradient only where that is wanted, 0 elsewhere."""
        pictures = painting.pictures.clone().requires_grad_(gradient)
        whole = torch.stack([pictures, painting.contents, painting.styles], 1)
        features = {name: f / scales[name] for name, f in teacher(whole.flatten(0, 1)).items()}
        gradients = torch.zeros_like(pictures)
        if gradient:
            grams = {name: gram(f) for name, f in features.items()}
            loss = transfer_loss(grams, features["conv4_2"].float(), painting.weights)
            (gradients,) = torch.autograd.grad(loss.sum(), pictures)
        return cls(whole.detach(), painting.weights, {name: f.detach() for name, f in features.items()}, gradients)

    def tensors(self) -> Iterator[tuple[Tensor, int]]:
        """Each of the tensors, and how many of its rows belong to a picture."""
        yield from ((self.pictures, 1), (self.weights, 1), (self.gradients, 1))
        yield from ((f, 3) for f in self.features.values())


def transfer_loss(grams: dict[str, Tensor], content: Tensor, weights: Tensor) -> Tensor:
    """The objective of style transfer, normalised relative, (batch,).

    Args:
        grams: of each layer, (3 · batch, N, N): pictures, contents and styles in turn. content: the same of conv4_2's
            features. weights: (batch, 6) of the content and of each style layer.
    """
    f, p, _ = content.unflatten(0, (-1, 3)).unbind(1)
    losses = [(f - p).square().sum((1, 2, 3)) / p.square().sum((1, 2, 3))]
    for layer in STYLE_LAYERS:
        g, _, a = grams[layer].unflatten(0, (-1, 3)).unbind(1)
        losses.append((g - a).square().sum((1, 2)) / a.square().sum((1, 2)))
    return (weights * torch.stack(losses, 1)).sum(1)


class Buffer:
    """Lessons, each used for several steps: the teacher is dear."""

    def __init__(self, size: int):
        self.size, self.slot = size, 0
        self.kept: Lesson | None = None

    def put(self, lesson: Lesson) -> None:
        """Over the oldest."""
        if self.kept is None:
            self.kept = copy.copy(lesson)
            self.kept.pictures, self.kept.weights, self.kept.gradients = (
                t.new_empty(self.size, *t.shape[1:]) for t in (lesson.pictures, lesson.weights, lesson.gradients)
            )
            self.kept.features = {
                name: f.new_empty(3 * self.size, *f.shape[1:]).to(memory_format=torch.channels_last)
                for name, f in lesson.features.items()
            }
        rows = (self.slot + torch.arange(len(lesson.pictures))) % self.size
        for (kept, each), (new, _) in zip(self.kept.tensors(), lesson.tensors(), strict=True):
            kept[_rows(rows, each)] = new
        self.slot = int(rows[-1] + 1) % self.size

    def draw(self, count: int) -> Lesson:
        """Some of them, at random."""
        kept, rows = self.kept, torch.randperm(self.size)[:count]
        assert kept is not None
        features = {name: f[_rows(rows, 3)] for name, f in kept.features.items()}
        return Lesson(kept.pictures[rows], kept.weights[rows], features, kept.gradients[rows])


def _rows(rows: Tensor, each: int) -> Tensor:
    return (rows[:, None] * each + torch.arange(each)).flatten()


def distances(
    student: Student, lesson: Lesson, normalised: Callable[[Tensor], Tensor], gradient: bool
) -> dict[str, Tensor]:
    """How far the student is from the teacher, relative squared errors as batch means.

    `feature:LAYER` of feature maps, `gram:LAYER` of Gram matrices, and if asked for, `gradient` (log(1 + error)) of
    the transfer's loss in the picture, smoothed as L-BFGS smooths it. A picture with next to nothing in it counts as
    if it had a tenth of what the others have.
    """
    pictures = lesson.pictures[:, 0].clone().requires_grad_(gradient)
    whole = torch.cat([pictures[:, None], lesson.pictures[:, 1:]], 1).flatten(0, 1)
    found: dict[str, Tensor] = {}
    grams: dict[str, Tensor] = {}
    content = whole
    for layer, s in student(normalised(whole)).items():
        t, m = lesson.features[layer], student.maps[layer]
        weight, wanted = m.to(s.dtype)[:, :, None, None], gram(t)
        if layer < "conv4":  # neighbouring places are much alike: a quarter of them will do
            grams[layer] = m @ _products(s) @ m.mT
            row, column = torch.randint(2, (2,)).tolist()
            s, t = s[:, :, row::2, column::2], t[:, :, row::2, column::2]
            mapped = F.conv2d(s, weight)
        else:
            mapped = F.conv2d(s, weight)
            grams[layer] = _products(mapped)
        if layer == "conv4_2":
            content = mapped.float()
        t = t.float()
        found[f"gram:{layer}"] = _relative((grams[layer] - wanted).square().sum((1, 2)), wanted.square().sum((1, 2)))
        found[f"feature:{layer}"] = _relative((mapped.float() - t).square().sum((1, 2, 3)), t.square().sum((1, 2, 3)))
    if not gradient:
        return found
    loss = transfer_loss(grams, content, lesson.weights)
    (gradients,) = torch.autograd.grad(loss.sum(), pictures, create_graph=True)
    smooth = Smoothing(tuple(gradients.shape), gradients.device, differentiable=True)
    error, wanted = (gradients - lesson.gradients).flatten(1), lesson.gradients.flatten(1)
    found["gradient"] = ((error * smooth(error)).sum(1) / (wanted * smooth(wanted)).sum(1)).log1p().mean()
    return found


def _products(features: Tensor) -> Tensor:
    """`losses.gram` that can be differentiated twice."""
    flat = features.flatten(2)
    return (flat @ flat.mT).float() / flat.shape[2]


def _relative(error: Tensor, size: Tensor) -> Tensor:
    return (error / torch.maximum(size, 0.1 * size.mean())).mean()


class Training:
    """What a checkpoint holds, and one step."""

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
        self.scales: dict[str, float] = {}
        self.mean, self.std = teacher.mean, teacher.std

    def measure(self, teacher: FeatureExtractor, pictures: Tensor) -> None:
        """The size of the teacher's features, layer by layer."""
        with torch.no_grad():
            seen = teacher(pictures.to(self.device))
        self.scales = {name: f.float().square().mean().sqrt().item() for name, f in seen.items()}

    def start(self, state: dict[str, Tensor], teacher: FeatureExtractor, crops: Crops, batch: int) -> None:
        """Begin with exported weights; they lack the maps, which are fitted to the teacher by least squares."""
        numbers = sorted(int(key.split(".")[1]) for key in state if key.endswith(".weight"))
        with torch.no_grad():
            for i, number in enumerate(numbers):
                self.student.kernels[i].copy_(state[f"features.{number}.weight"].flatten(1))
                self.student.biases[i].copy_(state[f"features.{number}.bias"])
            squares: dict[str, Tensor] = {}
            products: dict[str, Tensor] = {}
            for _ in range(0, FITTED, batch):
                pictures = crops.draw(batch).to(self.device)
                seen = teacher(pictures)
                for layer, s in self.student(self.normalised(pictures)).items():
                    x, y = (f.float().transpose(0, 1).flatten(1) for f in (s, seen[layer] / self.scales[layer]))
                    squares[layer] = squares.get(layer, 0) + x @ x.mT
                    products[layer] = products.get(layer, 0) + x @ y.mT
            for layer, square in squares.items():
                ridge = (
                    1e-4 * square.diagonal().mean() * torch.eye(len(square), device=square.device)
                )  # some channels are hardly ever used
                self.student.maps[layer].copy_(torch.linalg.solve(square + ridge, products[layer]).mT)
            for name, p in self.student.named_parameters():
                self.average[name].copy_(p)

    def learn(self, lesson: Lesson, stage: Stage) -> dict[str, float]:
        rate = stage.learning_rate * self.plan.rate(self.step)
        for optimizer, share in zip(self.optimizers, (1.0, 2.0), strict=True):
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.zero_grad()
        found = distances(self.student, lesson, self.normalised, stage.gradient_weight > 0)
        weights = {"feature": 1.0, "gram": self.plan.gram_weight, "gradient": stage.gradient_weight}
        loss = sum(value * weights[name.partition(":")[0]] for name, value in found.items())
        assert isinstance(loss, Tensor)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        keep = min(self.plan.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, p in self.student.named_parameters():
                self.average[name].lerp_(p, 1 - keep)
        return {name: value.item() for name, value in found.items()}

    def normalised(self, pictures: Tensor) -> Tensor:
        """As the student takes them: bf16, channels-last."""
        return ((pictures - self.mean) / self.std).to(torch.bfloat16, memory_format=torch.channels_last)

    def save(self, folder: Path) -> None:
        state = {
            "student": self.student.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
            "step": self.step,
            "scales": self.scales,
        }
        with replacing(folder / "checkpoint.pt") as path:
            torch.save(state, path)
        with replacing(folder / "lite.safetensors") as path:
            save_file({name: value.half().cpu() for name, value in exported(self.average, self.scales).items()}, path)

    def load(self, folder: Path) -> None:
        path = folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.student.load_state_dict(state["student"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average, self.step, self.scales = state["average"], state["step"], state["scales"]


def fresh(crops: Crops, training: Training, stage: Stage) -> Iterator[Painting]:
    """Paintings for ever: just begun, or gone on with by the student."""
    random = crops.random
    easels: list[Painting] = []
    often = stage.painted / (len(MARKS) - stage.painted * (len(MARKS) - 1))  # a turn gives a batch a mark
    while True:
        if random.random() >= often:
            yield Painting.begin(crops, stage.batch, training.device)
            continue
        place = random.integers(EASELS * TURNS)
        if place < EASELS or len(easels) < EASELS:
            easels = [*easels[-EASELS + 1 :], Painting.begin(crops, stage.batch, training.device)]
        yield from easels[place % len(easels)].go_on(exported(training.average, training.scales))


def train(
    plan: Plan, pictures: list[Tensor], teacher: FeatureExtractor, folder: Path, start: dict[str, Tensor] | None
) -> None:
    """Go on from the folder's checkpoint, or else from weights to start with, to the last step of the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(plan, teacher)
    training.load(folder)
    if start and not training.step:
        stage = plan.stages[0]
        crops = Crops(pictures, stage.side, plan.seed)
        training.measure(teacher, crops.draw(FITTED // 10))
        training.start(start, teacher, crops, stage.batch)
    for stage in plan.stages:
        if training.step < stage.until:
            _go_through(stage, training, pictures, teacher, folder)
            training.save(folder)


def _go_through(
    stage: Stage, training: Training, pictures: list[Tensor], teacher: FeatureExtractor, folder: Path
) -> None:
    seed = training.plan.seed + training.step  # crops that no earlier stage or run has seen
    torch.manual_seed(seed)
    crops = Crops(pictures, stage.side, seed)
    if not training.scales:
        training.measure(teacher, crops.draw(stage.batch))
    source = fresh(crops, training, stage)
    buffer = Buffer(stage.buffer)
    gradient = stage.gradient_weight > 0
    for _ in range(0, stage.buffer, stage.batch):
        buffer.put(Lesson.give(teacher, training.scales, next(source), gradient))
    saved = began = time.monotonic()
    lately: list[dict[str, float]] = []
    for _ in tqdm(range(training.step, stage.until), f"{stage.side} px", disable=None):
        if training.step % training.plan.reuse == 0:
            buffer.put(Lesson.give(teacher, training.scales, next(source), gradient))
        lately.append(training.learn(buffer.draw(stage.batch), stage))
        if training.step % LOG_STEPS == 0:
            means = {name: fmean(found[name] for found in lately) for name in lately[0]}
            _log(folder / "log.csv", {"step": training.step, "seconds": time.monotonic() - began} | means)
            lately = []
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            training.save(folder)
            saved = time.monotonic()


def _log(path: Path, line: dict[str, float]) -> None:
    errors = [f"{kind}:{layer}" for layer in LITE_LAYERS for kind in ("gram", "feature")]
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, ["step", "seconds", *errors, "gradient"])
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.5g}" for name, value in line.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--teacher", type=Path, required=True, help="state dict of VGG-19")
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--leave-out", type=Path, help="folder of the pictures that the network is tested on")
    parser.add_argument("--start", type=Path, help="weights to begin with, as lite.safetensors, where no checkpoint is")
    parser.add_argument("--device", choices=["auto", "cuda", "mps", "cpu"], default="auto")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("train.yaml"))
    arguments = parser.parse_args()
    devices.keep_memory()
    state, _, _ = weights.load("vgg19", str(arguments.teacher))
    device = devices.torch_device(arguments.device)
    teacher = FeatureExtractor("vgg19", state, LITE_LAYERS).convert(device, torch.bfloat16)
    pictures = read_pictures(arguments.pictures, arguments.leave_out)
    start = load_file(arguments.start) if arguments.start else None
    train(Plan.read(arguments.plan), pictures, teacher, arguments.work, start)


if __name__ == "__main__":
    main()
