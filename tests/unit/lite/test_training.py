"""The training of lite, with small images and a small teacher."""

import csv
import itertools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.optim import _muon

from nst import weights
from nst.errors import NstError
from nst.images import write_picture
from nst.lite import train as command
from nst.lite import training
from nst.lite.crops import Crops, batches
from nst.lite.losses import STYLE_LAYERS, distances, total
from nst.lite.pictures import read_pictures
from nst.lite.samples import Buffer, Sample
from nst.lite.schedule import Plan, Schedule
from nst.lite.student import Student, exported, prefixes
from nst.lite.stylizations import Stylization
from nst.lite.widening import widened
from nst.losses.objective import Objective
from nst.machine import runtime
from nst.networks.extractor import FeatureExtractor
from nst.settings import LITE_LAYERS, convolutions, make
from untrained import random_state

CPU = torch.device("cpu")
FORKED = "ignore:.*fork.*:DeprecationWarning"  # Python 3.12 and later warn where torch has threads
STAGE = {"side": 32, "batch": 2, "buffer": 4, "stylized": 0, "learning_rate": 0.01, "gradient_coefficient": 0}
PLAN = Plan(
    seed=0,
    seconds=20,
    stages=[STAGE | {"until": 0.5}, STAGE | {"until": 1, "side": 48, "stylized": 0.6, "gradient_coefficient": 1}],
    reuse=2,
    warm_up=1,
    decay=0.5,
    clip=50,
    average=0.9,
)


@pytest.fixture(autouse=True)
def _small(monkeypatch, request):
    monkeypatch.setattr(training, "FIT_CROPS", 24)
    if request.node.name != "test_the_command_trains":  # Muon's own steps are slow on CPUs that emulate bf16
        monkeypatch.setattr(_muon, "_zeropower_via_newtonschulz", lambda matrix, *_: F.normalize(matrix, dim=1))


def ticks():
    """A clock that advances by a second at each call."""
    return itertools.count().__next__


def changed(plan, **values):
    return Plan(**plan.model_dump() | values)


@pytest.fixture(scope="module")
def teacher():
    return FeatureExtractor("vgg19", random_state("vgg19"), LITE_LAYERS).convert(CPU, runtime.compute_type("auto", CPU))


@pytest.fixture(scope="module")
def exact():
    return FeatureExtractor("vgg19", random_state("vgg19"), LITE_LAYERS)


@pytest.fixture
def pictures(scene, stripes):
    return [torch.from_numpy((p * 255).astype(np.uint8)).permute(2, 0, 1).contiguous() for p in (scene, stripes)]


def stylization(pictures, seed, count):
    return Stylization.start(batches(Crops(pictures, 32, seed), count, CPU), np.random.default_rng(seed))


def test_an_exported_student_computes_the_same_features():
    student = Student(dict.fromkeys(LITE_LAYERS, 700), torch.Generator().manual_seed(1))
    scales = {layer: float(i) for i, layer in enumerate(LITE_LAYERS, 1)}
    state = exported(dict(student.named_parameters()), scales)
    network = FeatureExtractor("lite", state, LITE_LAYERS)
    picture = torch.rand(1, 3, 48, 64)
    expected = student((picture - network.mean) / network.std)
    for layer, features in network(picture).items():
        torch.testing.assert_close(features, expected[layer], rtol=1e-4, atol=1e-4)
        mapped = scales[layer] * torch.einsum("oc,bchw->bohw", student.maps[layer], expected[layer])
        torch.testing.assert_close(network.project(layer, features).norm(), mapped.norm(), rtol=1e-4, atol=1e-6)


def narrow(state, width):
    """The first `width` channels of block 4, as exported weights."""
    found = {key: value for key, value in state.items() if key.startswith("features")}
    for name, prefix in prefixes().items():
        if name.startswith("conv4"):
            found[f"{prefix}.weight"], found[f"{prefix}.bias"] = (
                found[f"{prefix}.{key}"][:width] for key in ("weight", "bias")
            )
        if name in ("conv4_2", "conv4_3", "conv5_1"):
            found[f"{prefix}.weight"] = found[f"{prefix}.weight"][:, :width]
    return found


def features(state, x):
    """The features of each convolution by torch's functions."""
    found, block = {}, "1"
    for name, prefix in prefixes().items():
        if name[4] != block:
            x, block = F.max_pool2d(x, 2), name[4]
        x = found[name] = F.relu(F.conv2d(x, state[f"{prefix}.weight"], state[f"{prefix}.bias"], padding=1))
    return found


def test_widened_weights_compute_the_same_and_use_all_channels():
    before = narrow(random_state("lite"), 200)
    after = widened(before, torch.Generator().manual_seed(0))
    picture = torch.randn(1, 3, 32, 48)
    student = Student(dict.fromkeys(LITE_LAYERS, 4), torch.Generator())
    student.load_kernels(after)
    expected, found = features(before, picture), student(picture)
    for layer in LITE_LAYERS:
        given = expected[layer].shape[1]
        torch.testing.assert_close(found[layer][:, :given], expected[layer], rtol=1e-4, atol=1e-4)
    assert found["conv4_2"].shape[1] == convolutions("lite")["conv4_2"] > 200
    assert found["conv4_2"][:, 200:].std() > 0.1
    found["conv5_1"].sum().backward()  # the zeros that read the new channels can learn
    assert student.kernels[-1].grad.view(512, -1, 9)[:, 200:].abs().max() > 0


def test_only_narrower_weights_of_lite_can_be_widened():
    state = random_state("lite")
    with pytest.raises(NstError, match="narrower"):
        widened(state | {"features.0.weight": torch.zeros(17, 3, 3, 3)}, torch.Generator())
    with pytest.raises(NstError, match=r"lack features.24.weight; give"):
        widened({key: value for key, value in state.items() if key != "features.24.weight"}, torch.Generator())


def log_of(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_training_approaches_the_teacher_by_the_clock_and_resumes(pictures, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    training.train(PLAN, pictures, teacher, tmp_path, clock=ticks())
    log = log_of(tmp_path)
    assert [int(line["step"]) for line in log] == list(range(1, len(log) + 1))
    assert {line["side"] for line in log if float(line["seconds"]) < 10} == {"32"}
    assert {line["side"] for line in log if float(line["seconds"]) > 12} == {"48"}
    assert all(bool(line["gradient"]) == (line["side"] == "48") for line in log)
    assert 16 < float(log[-1]["seconds"]) < 24
    training.train(PLAN, pictures, teacher, tmp_path, clock=ticks())
    assert log_of(tmp_path) == log  # its time is over
    training.train(changed(PLAN, seconds=30), pictures, teacher, tmp_path, clock=ticks())
    longer = log_of(tmp_path)
    assert [int(line["step"]) for line in longer] == list(range(1, len(longer) + 1))
    assert len(longer) > len(log)
    assert 26 < float(longer[-1]["seconds"]) < 34
    assert float(longer[-1]["feature:conv2_1"]) < float(log[0]["feature:conv2_1"])
    assert FeatureExtractor("lite", weights.load("lite", str(tmp_path / "lite.safetensors"))[0], LITE_LAYERS)


def test_a_checkpoint_contains_the_whole_state(pictures, teacher, tmp_path):
    plan = changed(PLAN, stages=[STAGE | {"until": 1}], seconds=10)
    training.train(plan, pictures, teacher, tmp_path, clock=ticks())
    one = training.Training(PLAN, teacher)
    training.restore(one, tmp_path)
    assert one.step > 0
    assert one.seconds >= plan.seconds
    training.save(one, tmp_path / "second", one.seconds)
    first, second = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in (".", "second"))
    assert str(first) == str(second)  # torch's assert_close does not compare strings
    torch.testing.assert_close(first["student"], second["student"], rtol=0, atol=0)
    moments = [[optimizer["state"] for optimizer in state["optimizers"]] for state in (first, second)]
    torch.testing.assert_close(*moments, rtol=0, atol=0)
    (tmp_path / "checkpoint.pt").write_bytes(b"none")
    with pytest.raises(NstError, match=r"checkpoint.pt: is no checkpoint .* --start"):
        training.restore(one, tmp_path)


def test_training_can_start_from_exported_weights(pictures, teacher, tmp_path):
    plan = changed(PLAN, stages=[STAGE | {"until": 1}], seconds=10)
    training.train(plan, pictures, teacher, tmp_path / "first", clock=ticks())
    start, _, _ = weights.load("lite", str(tmp_path / "first" / "lite.safetensors"))
    still = changed(PLAN, stages=[STAGE | {"until": 1, "learning_rate": 0}], seconds=5)
    training.train(still, pictures, teacher, tmp_path / "second", start=start, clock=ticks())
    again, _, _ = weights.load("lite", str(tmp_path / "second" / "lite.safetensors"))
    for key in start:
        if key.startswith("features"):
            torch.testing.assert_close(again[key], start[key])
    crops = next(batches(Crops(pictures, 32, 3), 4, CPU))  # fitted maps keep the norm of the teacher's features
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


def test_the_errors_of_the_teacher_itself_are_zero(pictures, exact):
    sample = Sample.of(exact, dict.fromkeys(LITE_LAYERS, 1.0), stylization(pictures, 0, 2), gradient=True)
    found = distances(Twin(exact), sample, lambda pictures: pictures, gradient=True)
    assert {name.partition(":")[0] for name in found} == {"feature", "gram", "gradient"}
    assert all(value.item() < 1e-6 for value in found.values())
    sample.gradients = -sample.gradients  # an error of (2g)² is four times g²
    found = distances(Twin(exact), sample, lambda pictures: pictures, gradient=True)
    assert found["gradient"].item() == pytest.approx(np.log(5), rel=1e-3)


def test_the_gradient_of_a_sample_is_that_of_the_objective(pictures, exact):
    batch = stylization(pictures, 1, 1)
    sample = Sample.of(exact, dict.fromkeys(LITE_LAYERS, 3.0), batch, gradient=True)
    content, *shares = batch.coefficients[0].tolist()
    layers = dict(zip(STYLE_LAYERS, shares, strict=True))
    settings = make({"content_weight": content, "style_weight": sum(shares), "style_layers": layers})
    expected = Objective(exact, batch.contents, [(batch.styles, 1.0)], settings).evaluate(batch.pictures)
    torch.testing.assert_close(sample.gradients, expected.gradient, rtol=1e-3, atol=1e-6)


def test_errors_are_summed_by_their_coefficients():
    plan = changed(PLAN, feature_coefficients={"conv4_2": 1.5}, gram_coefficients={"conv5_1": 12})
    errors = {"feature:conv4_2": 2.0, "feature:conv5_1": 3.0, "gram:conv5_1": 5.0, "gradient": 7.0}
    found = total({name: torch.tensor(value) for name, value in errors.items()}, plan, 4.0)
    assert found.item() == pytest.approx(1.5 * 2 + 3 + 12 * 5 + 4 * 7)


@pytest.mark.parametrize("clip", [1e-3, 1e6])
def test_the_gradient_is_clipped(pictures, teacher, clip):
    one = training.Training(changed(PLAN, clip=clip), teacher)
    batch = stylization(pictures, 0, 2)
    one.set_scales(teacher, batch.contents)
    one.learn(Sample.of(teacher, one.scales, batch, gradient=False), PLAN.stages[0], progress=0.0)
    norm = torch.stack([p.grad.norm() for p in one.student.parameters()]).norm().item()
    assert norm == pytest.approx(1e-3, rel=1e-2) if clip < 1 else norm > 1e-2


def test_the_buffer_draws_only_what_was_put_into_it(pictures, exact):
    batch = stylization(pictures, 0, 2)
    sample = Sample.of(exact, dict.fromkeys(LITE_LAYERS, 1.0), batch, gradient=False)
    buffer = Buffer(5)
    buffer.put(sample)
    assert len(buffer.draw(4).pictures) == 2
    for _ in range(3):
        buffer.put(sample)
    drawn = buffer.draw(4)
    assert len(drawn.pictures) == 4
    contents = exact(drawn.pictures[:, 1])["conv3_1"]
    torch.testing.assert_close(drawn.features["conv3_1"].unflatten(0, (-1, 3))[:, 1], contents, rtol=1e-3, atol=1e-4)


def test_the_learning_rate_rises_with_steps_and_falls_with_time():
    plan = changed(PLAN, warm_up=10, decay=0.5)
    assert plan.rate(0, 0.0) == pytest.approx(0.1)
    assert plan.rate(9, 0.2) == plan.rate(1000, 0.5) == 1
    assert plan.rate(1000, 0.75) == pytest.approx(0.5)
    assert plan.rate(1000, 1.1) == 0
    schedule = Schedule(plan, spent=4.0, clock=iter([100.0, 106.0]).__next__)
    assert schedule.progress() == pytest.approx(10 / 20)


def test_crops_are_pictures_and_follow_from_their_seed(pictures):
    crops = next(batches(Crops(pictures, 24, 3), 60, CPU))
    assert crops.shape == (60, 3, 24, 24)
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert len({crop.sum().item() for crop in crops}) > 50
    assert torch.equal(crops, next(batches(Crops(pictures, 24, 3), 60, CPU)))
    assert not torch.equal(crops, next(batches(Crops(pictures, 24, 4), 60, CPU)))


@pytest.mark.filterwarnings(FORKED)
def test_worker_processes_draw_the_same_crops(pictures):
    alone, helped = (batches(Crops(pictures, 24, 3), 4, CPU, workers) for workers in (0, 2))
    for _ in range(5):
        assert torch.equal(next(alone), next(helped))


def test_pictures_that_resemble_test_pictures_are_left_out(scene, stripes, tmp_path, capsys):
    large = np.kron(scene[:, ::-1], np.ones((2, 2, 1), np.float32))
    for name, picture in {"train/a.png": large, "train/b.png": stripes, "test/c.png": scene}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_picture(tmp_path / name, picture)
    kept = read_pictures(tmp_path / "train", tmp_path / "test")
    assert [tuple(picture.shape) for picture in kept] == [(3, 36, 44)]
    assert re.search("left out, similar to a test image: a.png", capsys.readouterr().out)
    (tmp_path / "train" / "b.png").unlink()
    with pytest.raises(NstError, match="all 1 images resemble"):
        read_pictures(tmp_path / "train", tmp_path / "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NstError, match="empty: no image"):
        read_pictures(tmp_path / "empty", None)


@pytest.fixture
def typed(monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
        command.main()

    return run


@pytest.mark.filterwarnings(FORKED)
def test_the_command_trains(scene, untrained_folder, tmp_path, typed):
    write_picture(tmp_path / "pictures" / "a.png", scene)
    plan = tmp_path / "plan.yaml"
    plan.write_text(changed(PLAN, seconds=60, stages=[STAGE | {"until": 1}]).model_dump_json())  # which YAML contains
    words = [tmp_path / "pictures", "--teacher", untrained_folder / "vgg19.pth", "--plan", plan, "--device", "cpu"]
    typed(*words, "--work", tmp_path / "work", "--seconds", 3, "--workers", 1, "--start", weights.find("lite"))
    state, _, _ = weights.load("lite", str(tmp_path / "work" / "lite.safetensors"))
    assert FeatureExtractor("lite", state, LITE_LAYERS)
    assert torch.load(tmp_path / "work" / "checkpoint.pt", weights_only=True)["seconds"] >= 3


def test_the_command_names_what_is_wrong(tmp_path, typed):
    plan = tmp_path / "plan.yaml"
    text = Path(command.__file__).with_name("train.yaml").read_text()
    plan.write_text(
        text.replace("clip: 50", "clip: -1").replace("reuse: 4", "re_use: 4").replace("{conv1_1", "{conv9_9")
    )
    with pytest.raises(SystemExit) as caught:
        typed(tmp_path, "--work", tmp_path, "--plan", plan)
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert all(str(plan) in line for line in lines)
    plan.write_text(text.replace("until: 1.0", "until: 0.9"))
    with pytest.raises(SystemExit, match=r"plan.yaml: stages: until must rise .*\[0.22, 0.9\]"):
        typed(tmp_path, "--work", tmp_path, "--plan", plan)
    with pytest.raises(SystemExit, match=r"train.yaml: seconds: Input should be greater than 0"):
        typed(tmp_path, "--work", tmp_path, "--seconds", 0)


def test_noise_has_a_grain_at_the_smallest_side(pictures):
    assert next(batches(Crops(pictures, 16, 0), 400, CPU)).shape == (400, 3, 16, 16)
