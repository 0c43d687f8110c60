"""The network of `parameters: network`: trained on a pair by the same loop, saved, and applied to other pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nst.cli import main
from nst.engine.canvas import NetworkCanvas
from nst.engine.stylization import Progress, Transfer, stylize
from nst.engine.transformation import Transformation, apply
from nst.errors import NstError
from nst.images import read_picture, write_picture
from nst.pair.network_file import load, save
from nst.settings import make

CPU = torch.device("cpu")
QUICK = {
    "parameters": "network",
    "optimizer": "adam",
    "style_layers": "conv1_1+conv2_1",
    "content_layers": "conv2_2",
    "pixel_range": "clip",
}


def test_any_size_goes_in_and_comes_out():
    network = Transformation()
    for height, width in ((33, 50), (16, 21), (40, 40)):
        assert network(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)


def test_a_picture_that_is_too_small_is_an_error():
    with pytest.raises(NstError, match="the image is 9×7 px; it needs at least 8 px per side"):
        apply(Transformation(), np.zeros((7, 9, 3), np.float32), CPU)


def test_the_seed_decides_and_torchs_generator_is_unchanged():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (Transformation(seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["enter.path.0.0.weight"], other["enter.path.0.0.weight"])


def test_the_gradient_in_the_parameters_is_that_of_finite_differences():
    canvas = NetworkCanvas(
        torch.rand(1, 3, 32, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(9)), seed=3
    )
    canvas.network.double()
    x = canvas.start()
    pull = torch.randn(1, 3, 32, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    canvas.picture(x, differentiable=True)
    gradient = canvas.gradient(x, pull)
    for seed in range(3):
        direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        h = 1e-10  # small, because there are many ReLUs with kinks
        up, down = ((canvas.picture(x + sign * h * direction) * pull).sum() for sign in (1, -1))
        assert (gradient * direction).sum().item() == pytest.approx(((up - down) / (2 * h)).item(), rel=1e-4)


def test_training_lowers_the_loss_and_the_network_reproduces_its_picture(scene, stripes, untrained):
    settings = make(QUICK | {"iterations": 30, "learning_rate": 0.01})
    events = list(stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu"))
    *progress, finished = events
    assert finished.losses["total"] < progress[0].losses["total"] / 2
    network = Transformation()
    network.load_state_dict(finished.network)
    np.testing.assert_allclose(apply(network.requires_grad_(False), scene, CPU), finished.pixels, atol=1e-4)


def test_resuming_from_a_checkpoint_changes_nothing(scene, stripes, untrained):
    settings = make(QUICK | {"iterations": 8, "learning_rate_decay": 0.5})
    states, whole = [], None
    for event in stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu"):
        if isinstance(event, Progress):
            states.append(event.state())
        else:
            whole = event
    *_, resumed = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu", resume=states[3])
    np.testing.assert_allclose(resumed.pixels, whole.pixels, atol=1e-5)


def test_apply_runs_a_saved_network_on_another_picture(scene, tmp_path, capsys):
    save(Transformation(4).state_dict(), tmp_path / "network.safetensors")
    write_picture(tmp_path / "other.png", np.flip(scene, 1).copy())
    arguments = [str(tmp_path / name) for name in ("network.safetensors", "other.png")]
    assert main(["apply", *arguments, "-o", str(tmp_path / "out.png"), "--size", "64", "--device", "cpu"]) == 0
    assert max(read_picture(tmp_path / "out.png").pixels.shape) == 64
    assert "64×" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"not a network"])
def test_a_file_that_is_no_network_is_an_error(tmp_path, content):
    path = tmp_path / "network.safetensors"
    if content:
        path.write_bytes(content)
    with pytest.raises(NstError, match=r"give the snapshots/network\.safetensors of a pair"):
        load(path)


def test_hidden_colors_do_not_change_what_is_visible(tmp_path, scene, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(Transformation(1).state_dict(), Path("network.safetensors"))
    alpha = np.ones(scene.shape[:2], np.float32)
    alpha[:10] = 0
    seen = []
    for hidden in (0.0, 1.0):
        write_picture("cut.png", np.where(alpha[..., None] > 0, scene, np.float32(hidden)), alpha=alpha)
        assert main(["apply", "network.safetensors", "cut.png", "-o", "out.png", "--device", "cpu"]) == 0
        seen.append(read_picture("out.png").pixels[10:])
        Path("out.png").unlink()
    assert np.array_equal(*seen)
