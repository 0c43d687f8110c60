"""The embedded network, and its training on pictures and a teacher small enough for a test."""

import csv
import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from nst import weights
from nst.images import write_picture
from nst.lite import train
from nst.metrics import Judge, judge
from nst.networks import FeatureExtractor
from nst.objective import Objective
from nst.settings import LITE_LAYERS, convolutions, make
from nst.stylization import stylize

from conftest import random_state

CPU = torch.device("cpu")
CARD = Path(__file__).parents[2] / "docs" / "lite.md"
PLAN = train.Plan(
    seed=0,
    stages=[train.Stage(3, 32, 2, 4, 0, 0.01, 0), train.Stage(6, 48, 2, 4, 0.6, 0.01, 1)],
    reuse=2,
    warm_up=1,
    decay=0.5,
    gram_weight=1,
    average=0.9,
)


@pytest.fixture(scope="module")
def teacher():
    cpu = torch.device("cpu")
    return FeatureExtractor("vgg19", random_state("vgg19"), LITE_LAYERS).convert(cpu, torch.bfloat16)


@pytest.fixture
def pictures(scene, stripes):
    return [torch.from_numpy((p * 255).astype(np.uint8)).permute(2, 0, 1).contiguous() for p in (scene, stripes)]


def test_what_is_embedded_is_small_and_on_its_card():
    path = weights.find("lite")
    assert path.stat().st_size <= 9e6
    assert hashlib.sha256(path.read_bytes()).hexdigest() in CARD.read_text("utf-8")
    state, _, _ = weights.load("lite")
    FeatureExtractor("lite", state, LITE_LAYERS)


def test_lite_paints_what_vgg19_takes_for_the_style(scene, stripes, trained):
    content, style = (np.kron(p, np.ones((3, 3, 1), np.float32)) for p in (scene, stripes))
    state, _, _ = weights.load("lite")
    *_, finished = stylize(content, [style], make({"network": "lite", "iterations": 40}), state=state, device="cpu")
    by = Judge("vgg19", trained, "0")
    before, after = (judge(p, content, [style], by=by, device="cpu").style_error for p in (content, finished.pixels))
    assert after < before / 2


def test_an_exported_student_is_the_student():
    student = train.Student(dict.fromkeys(LITE_LAYERS, 700), torch.Generator().manual_seed(1))
    scales = {layer: float(i) for i, layer in enumerate(LITE_LAYERS, 1)}
    state = train.exported(dict(student.named_parameters()), scales)
    network = FeatureExtractor("lite", state, LITE_LAYERS)
    picture = torch.rand(1, 3, 48, 64)
    expected = student((picture - network.mean) / network.std)
    for layer, features in network(picture).items():
        torch.testing.assert_close(features, expected[layer], rtol=1e-4, atol=1e-4)
        mapped = scales[layer] * torch.einsum("oc,bchw->bohw", student.maps[layer], expected[layer])
        torch.testing.assert_close(network.project(layer, features).norm(), mapped.norm(), rtol=1e-4, atol=1e-6)


def test_training_comes_nearer_and_goes_on_from_its_checkpoint(pictures, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "LOG_STEPS", 1)
    train.train(PLAN, pictures, teacher, tmp_path, None)
    before = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert before["step"] == 6
    longer = dataclasses.replace(PLAN, stages=[*PLAN.stages, train.Stage(9, 32, 2, 4, 0, 0.01, 0)])
    train.train(longer, pictures, teacher, tmp_path, None)
    with (tmp_path / "log.csv").open() as file:
        log = list(csv.DictReader(file))
    assert [int(line["step"]) for line in log] == list(range(1, 10))
    assert [bool(line["gradient"]) for line in log] == [False] * 3 + [True] * 3 + [False] * 3
    assert float(log[-1]["feature:conv2_1"]) < float(log[0]["feature:conv2_1"])
    assert FeatureExtractor("lite", weights.load("lite", str(tmp_path / "lite.safetensors"))[0], LITE_LAYERS)


def test_training_can_begin_with_exported_weights(pictures, teacher, tmp_path):
    train.train(PLAN, pictures, teacher, tmp_path / "first", None)
    start, _, _ = weights.load("lite", str(tmp_path / "first" / "lite.safetensors"))
    still = train.Stage(1, 32, 2, 4, 0, learning_rate=0, gradient_weight=0)
    train.train(dataclasses.replace(PLAN, stages=[still]), pictures, teacher, tmp_path / "second", start)
    again, _, _ = weights.load("lite", str(tmp_path / "second" / "lite.safetensors"))
    for key in start:
        if key.startswith("features"):
            torch.testing.assert_close(again[key], start[key])
    crops = train.Crops(pictures, 32, seed=3).draw(4)  # as the fitted maps see it, as long as the teacher does
    lengths = [
        {layer: network.project(layer, f).square().sum() for layer, f in network(crops).items()}
        for network in (FeatureExtractor("lite", again, LITE_LAYERS), teacher)
    ]
    assert all(0.5 < lengths[0][layer] / lengths[1][layer] < 2 for layer in LITE_LAYERS)


class Twin(torch.nn.Module):
    """A student that is the teacher."""

    def __init__(self, teacher):
        super().__init__()
        self.teacher = teacher
        self.maps = {layer: torch.eye(width) for layer, width in convolutions("vgg19").items() if layer in LITE_LAYERS}

    def forward(self, pictures):
        return self.teacher(pictures)


def test_the_teacher_itself_has_no_distance_from_the_teacher(pictures):
    exact = FeatureExtractor("vgg19", random_state("vgg19"), LITE_LAYERS)
    painting = train.Painting.begin(train.Crops(pictures, 32, seed=0), 2, CPU)
    lesson = train.Lesson.give(exact, dict.fromkeys(LITE_LAYERS, 1.0), painting, gradient=True)
    found = train.distances(Twin(exact), lesson, lambda pictures: pictures, gradient=True)
    assert {name.partition(":")[0] for name in found} == {"feature", "gram", "gradient"}
    assert all(value.item() < 1e-6 for value in found.values())
    lesson.gradients = -lesson.gradients  # an error of (2g)² is four times g²
    found = train.distances(Twin(exact), lesson, lambda pictures: pictures, gradient=True)
    assert found["gradient"].item() == pytest.approx(np.log(5), rel=1e-3)


def test_a_lessons_gradient_is_that_of_the_objective(pictures):
    exact = FeatureExtractor("vgg19", random_state("vgg19"), LITE_LAYERS)
    painting = train.Painting.begin(train.Crops(pictures, 32, seed=1), 1, CPU)
    lesson = train.Lesson.give(exact, dict.fromkeys(LITE_LAYERS, 3.0), painting, gradient=True)
    content, *shares = painting.weights[0].tolist()
    layers = dict(zip(train.STYLE_LAYERS, shares, strict=True))
    settings = make({"content_weight": content, "style_weight": sum(shares), "style_layers": layers})
    expected = Objective(exact, painting.contents, [(painting.styles, 1.0)], settings).evaluate(painting.pictures)
    torch.testing.assert_close(lesson.gradients, expected.gradient, rtol=1e-3, atol=1e-6)


def test_crops_are_pictures_and_follow_from_their_seed(pictures):
    crops = train.Crops(pictures, 24, seed=3).draw(60)
    assert crops.shape == (60, 3, 24, 24)
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert torch.equal(crops, train.Crops(pictures, 24, seed=3).draw(60))
    assert not torch.equal(crops, train.Crops(pictures, 24, seed=4).draw(60))


def test_pictures_that_look_like_test_pictures_are_left_out(scene, stripes, tmp_path, capsys):
    large = np.kron(scene[:, ::-1], np.ones((2, 2, 1), np.float32))
    for name, picture in {"train/a.png": large, "train/b.png": stripes, "test/c.png": scene}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_picture(tmp_path / name, picture)
    kept = train.read_pictures(tmp_path / "train", tmp_path / "test")
    assert [tuple(picture.shape) for picture in kept] == [(3, 36, 44)]
    assert re.search("left out.*a.png", capsys.readouterr().out)
