"""Train `lite`, the embedded network, to see pictures as VGG-19 does (knowledge distillation).

    python -m nst.lite.train PICTURES --teacher vgg19.pth --work ~/lite --leave-out TEST_PICTURES

PICTURES is a folder of photographs and paintings; pictures that look like one of TEST_PICTURES are left out. Goes on
from the checkpoint in the work folder, which is renewed every five minutes; `log.csv` there holds the losses and
`lite.safetensors` the averaged weights so far. train.yaml beside this file says how; the model card is docs/lite.md.

The student starts from random weights. At each tap its features s are compared, through a linear map M that is
learnt with them, to the teacher's t: ‖Ms − t‖²/‖t‖², and so are the Gram matrices. The crops are cut from the pictures,
distorted and mixed, and a share of them the student has painted itself: optimised on its features, a picture goes
wherever they are wrong, so there it is taught.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
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
#: Evaluations after which a picture that is being painted is shown to the student.
MARKS = (2, 6, 14, 30, 60)
LONGEST = 640  # px that a training picture is reduced to


@dataclass(frozen=True)
class Plan:
    """train.yaml."""

    seed: int
    steps: int
    batch: int
    side: int
    buffer: int
    reuse: int
    learning_rate: float
    warm_up: int
    decay: float
    gram_weight: float
    painted: float
    painted_from: int
    average: float

    def rate(self, step: int) -> float:
        """The learning rate's share at a step: rises linearly, holds, falls linearly to 0."""
        return min(1.0, (step + 1) / self.warm_up, (self.steps - step) / (self.decay * self.steps))


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
        if any((small * other).mean() > 0.9 for other in known):
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


def paint(state: dict[str, Tensor], contents: Tensor, styles: Tensor, random: np.random.Generator) -> Iterator[Tensor]:
    """Style transfer by the student itself, (batch, 3, side, side) each: what it shows at the MARKS."""
    settings = make({
        "network": "lite",
        "style_weight": float(10 ** random.uniform(0.3, 1.8)),
        "content_weight": float(random.random() > 0.1),
    })  # fmt: skip
    network = FeatureExtractor("lite", state, LITE_LAYERS).convert(torch.device("cpu"), torch.bfloat16)
    objective = Objective(network, contents, [(styles, 1.0)], settings)
    start = contents if random.random() < 0.7 else torch.from_numpy(random.random(contents.shape, np.float32))
    smoothing = Smoothing(tuple(contents.shape), torch.device("cpu"))
    optimizer = LBFGS(start.flatten(1), precondition=smoothing, memory=10, first_step=0.02, longest_step=0.1)
    for evaluation in range(1, max(MARKS) + 1):
        x = optimizer.ask().clamp(0, 1)
        found = objective.evaluate(x.view_as(contents))
        optimizer.tell(x, found.total, found.gradient.flatten(1))
        if evaluation in MARKS:
            yield optimizer.x.view_as(contents).clone()


class Buffer:
    """Crops with the teacher's features in bf16, each used for several steps: the teacher is the dearer of the two.

    The features are divided by a scale a layer, for VGG's grow a hundredfold from the first to the middle ones.
    """

    def __init__(self, teacher: FeatureExtractor, size: int, scales: dict[str, float]):
        self.teacher, self.size, self.scales = teacher, size, scales
        self.pictures = torch.empty(0)
        self.features: dict[str, Tensor] = {}
        self.slot = 0

    def put(self, pictures: Tensor) -> None:
        """Over the oldest."""
        with torch.no_grad():
            features = {name: f / self.scales[name] for name, f in self.teacher(pictures).items()}
        if not self.features:
            self.pictures = torch.empty(self.size, *pictures.shape[1:])
            self.features = {
                name: torch.empty(self.size, *f.shape[1:], dtype=f.dtype).to(memory_format=torch.channels_last)
                for name, f in features.items()
            }
        rows = (self.slot + torch.arange(len(pictures))) % self.size
        self.pictures[rows] = pictures
        for name, f in features.items():
            self.features[name][rows] = f
        self.slot = int(rows[-1] + 1) % self.size

    def batch(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.pictures[rows], {name: f[rows] for name, f in self.features.items()}


def distances(student: dict[str, Tensor], teacher: dict[str, Tensor], maps: nn.ParameterDict) -> dict[str, Tensor]:
    """Relative squared errors of feature maps (`feature:LAYER`) and of Gram matrices (`gram:LAYER`), batch means.

    A picture with next to nothing in it counts as if it had a tenth of what the others have.
    """
    found = {}
    for layer, s in student.items():
        t, m = teacher[layer], maps[layer]
        weight = m.to(s.dtype)[:, :, None, None]
        wanted = gram(t)
        if layer < "conv4":  # neighbouring places are much alike: a quarter of them will do
            grams = m @ gram(s) @ m.mT
            row, column = torch.randint(2, (2,)).tolist()
            s, t = s[:, :, row::2, column::2], t[:, :, row::2, column::2]
            mapped = F.conv2d(s, weight)
        else:
            mapped = F.conv2d(s, weight)
            grams = gram(mapped)
        t = t.float()
        found[f"gram:{layer}"] = _relative((grams - wanted).square().sum((1, 2)), wanted.square().sum((1, 2)))
        found[f"feature:{layer}"] = _relative((mapped.float() - t).square().sum((1, 2, 3)), t.square().sum((1, 2, 3)))
    return found


def _relative(error: Tensor, size: Tensor) -> Tensor:
    return (error / torch.maximum(size, 0.1 * size.mean())).mean()


class Training:
    """What a checkpoint holds, and one step."""

    def __init__(self, plan: Plan, teacher: FeatureExtractor):
        self.plan = plan
        with torch.no_grad():
            probe = teacher(torch.zeros(1, 3, 32, 32))
        generator = torch.Generator().manual_seed(plan.seed)
        self.student = Student({name: f.shape[1] for name, f in probe.items()}, generator)
        first, *kernels = self.student.kernels
        self.optimizers = [
            torch.optim.Muon(kernels, lr=0, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.Adam([first, *self.student.biases, *self.student.maps.values()], lr=0, betas=(0.9, 0.99)),
        ]
        self.average = {name: p.detach().clone() for name, p in self.student.named_parameters()}
        self.step = 0
        self.scales: dict[str, float] = {}
        self.mean, self.std = teacher.mean, teacher.std

    def learn(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, float]:
        rate = self.plan.learning_rate * self.plan.rate(self.step)
        for optimizer, share in zip(self.optimizers, (1.0, 2.0), strict=True):
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.zero_grad()
        found = self.compare(pictures, features)
        loss = sum(value * (self.plan.gram_weight if name[0] == "g" else 1) for name, value in found.items())
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

    def compare(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, Tensor]:
        x = ((pictures - self.mean) / self.std).to(torch.bfloat16, memory_format=torch.channels_last)
        return distances(self.student(x), features, self.student.maps)

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
            save_file({name: value.half() for name, value in exported(self.average, self.scales).items()}, path)

    def load(self, folder: Path) -> None:
        path = folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.student.load_state_dict(state["student"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.average, self.step, self.scales = state["average"], state["step"], state["scales"]


def fresh(crops: Crops, training: Training) -> Iterator[Tensor]:
    """Batches of new crops, for ever: cut from pictures, or painted by the student."""
    plan = training.plan
    while True:
        yield crops.draw(plan.batch)
        # A painting gives len(MARKS) batches, so it is begun that much more seldom.
        often = plan.painted / (1 - plan.painted) / len(MARKS)
        if training.step >= plan.painted_from and crops.random.random() < often:
            contents, styles = crops.draw(plan.batch), crops.draw(plan.batch)
            yield from paint(exported(training.average, training.scales), contents, styles, crops.random)


def train(plan: Plan, pictures: list[Tensor], teacher: FeatureExtractor, folder: Path) -> None:
    """Go on from the folder's checkpoint to the last step of the plan."""
    training = Training(plan, teacher)
    training.load(folder)
    seed = plan.seed + training.step  # crops that an earlier run has not seen
    torch.manual_seed(seed)
    crops = Crops(pictures, plan.side, seed)
    if not training.scales:
        with torch.no_grad():
            seen = teacher(crops.draw(plan.batch))
        training.scales = {name: f.float().square().mean().sqrt().item() for name, f in seen.items()}
    source = fresh(crops, training)
    buffer = Buffer(teacher, plan.buffer, training.scales)
    for _ in tqdm(range(0, plan.buffer, plan.batch), "teaching", disable=None):
        buffer.put(next(source))
    saved = began = time.monotonic()
    sums: dict[str, float] = {}
    with tqdm(total=plan.steps, initial=training.step, disable=None) as bar:
        while training.step < plan.steps:
            if training.step % plan.reuse == 0:
                buffer.put(next(source))
            found = training.learn(*buffer.batch(torch.randperm(plan.buffer)[: plan.batch]))
            sums = {name: sums.get(name, 0) + value / LOG_STEPS for name, value in found.items()}
            bar.update()
            if training.step % LOG_STEPS == 0:
                _log(folder / "log.csv", {"step": training.step, "seconds": time.monotonic() - began} | sums)
                sums = {}
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                training.save(folder)
                saved = time.monotonic()
    training.save(folder)


def _log(path: Path, line: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(line)
        writer.writerow([f"{value:.5g}" for value in line.values()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--teacher", type=Path, required=True, help="state dict of VGG-19")
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--leave-out", type=Path, help="folder of the pictures that the network is tested on")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("train.yaml"))
    arguments = parser.parse_args()
    given = read_mapping(arguments.plan)
    plan = Plan(**{field.name: given[field.name] for field in fields(Plan)})
    devices.keep_memory()
    arguments.work.mkdir(parents=True, exist_ok=True)
    state, _, _ = weights.load("vgg19", str(arguments.teacher))
    teacher = FeatureExtractor("vgg19", state, LITE_LAYERS).convert(torch.device("cpu"), torch.bfloat16)
    train(plan, read_pictures(arguments.pictures, arguments.leave_out), teacher, arguments.work)


if __name__ == "__main__":
    main()
