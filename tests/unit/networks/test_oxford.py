"""The original VGG-19 of the installation: read, checked, converted once, and the same function as published."""

import shutil

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nst import weights
from nst.cli import main
from nst.errors import NstError
from nst.io import weight_files
from nst.metrics import ReferenceNetwork
from nst.networks import oxford
from nst.networks.extractor import FeatureExtractor
from nst.settings import convolutions


@pytest.fixture(scope="module")
def stored():
    return torch.load(weight_files.installed(), weights_only=True)


def test_features_are_those_of_the_published_network(stored, trained, rng):
    """Published: BGR in 0..255 less its means, through tables looked up one by one, in float64."""
    picture = rng.random((24, 28, 3))
    x = torch.from_numpy(picture[..., ::-1] * 255 - np.array([103.939, 116.779, 123.68])).permute(2, 0, 1)[None]
    first = None
    for block, convs in enumerate((2, 2, 4), 1):
        for number in range(1, convs + 1):
            name = f"block{block}_conv{number}"
            table = stored[f"{name}_W_table"].numpy().astype(np.float64)
            weight = torch.from_numpy(np.take(table, stored[f"{name}_W_q"].numpy()))
            x = F.relu(F.conv2d(x, weight, stored[f"{name}_b"].double(), padding=1))
            first = x if name == "block1_conv1" else first
        x = F.max_pool2d(x, 2) if block < 3 else x
    network = FeatureExtractor("vgg19", trained, ["conv1_1", "conv3_4"])
    ours = network(torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None])
    # Zero padding is not the same color in both networks. Of the first layer, only the border differs. In the deepest
    # one almost every position sees the border, so it is only about the same.
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(ours["conv1_1"].double()[inner], first[inner], rtol=1e-4, atol=1e-3)
    inner = (..., slice(2, -2), slice(2, -2))
    assert ours["conv3_4"].shape == x.shape
    error = (ours["conv3_4"].double() - x)[inner].norm() / x[inner].norm()
    assert error < 0.02


def test_every_convolution_is_there_as_torchvision_names_it(stored, trained):
    assert len(trained) == 32
    names = [key.removesuffix("_b") for key in stored if key.endswith("_b")]
    numbers = sorted({int(key.split(".")[1]) for key in trained})
    for name, number, width in zip(names, numbers, convolutions("vgg19").values(), strict=True):
        assert trained[f"features.{number}.bias"].shape == (width,)
        assert trained[f"features.{number}.weight"].shape == stored[f"{name}_W_q"].shape
        if number:  # the first one is folded into the normalization
            assert torch.equal(trained[f"features.{number}.bias"], stored[f"{name}_b"])


def test_converted_once_and_again_where_the_cache_is_broken(tmp_path, monkeypatch):
    conversions = []
    convert = oxford._converted
    monkeypatch.setattr(oxford, "_converted", lambda file: conversions.append(file) or convert(file))
    first, digest = oxford.load(weight_files.installed(), tmp_path)
    again, _ = oxford.load(weight_files.installed(), tmp_path)
    assert digest == weight_files.OXFORD_SHA256
    assert len(conversions) == 1
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1000] + b"?" + whole[-999:])  # one byte of one tensor: of the right length, and readable
    mended, _ = oxford.load(weight_files.installed(), tmp_path)
    assert len(conversions) == 2
    assert [path.read_bytes() == whole for path in tmp_path.iterdir()] == [True]
    for key, tensor in first.items():
        assert torch.equal(tensor, again[key])
        assert torch.equal(tensor, mended[key])


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").touch()
    state, _ = oxford.load(weight_files.installed(), tmp_path / "file" / "cache")
    assert len(state) == 32


def test_another_file_is_refused(tmp_path, monkeypatch):
    changed = tmp_path / weight_files.OXFORD_FILE
    changed.parent.mkdir()
    shutil.copy(weight_files.installed(), changed)
    with changed.open("r+b") as file:
        file.seek(10_000)
        file.write(b"?")
    with pytest.raises(NstError, match="its SHA-256 is"):
        weights.load("vgg19", str(changed))
    monkeypatch.setattr(weight_files, "OXFORD_DISTRIBUTION", "no-such-distribution")
    with pytest.raises(NstError, match="not installed; run `pip install"):
        weights.load("vgg19")


def test_the_reference_is_the_original_even_if_other_weights_are_present(monkeypatch, untrained_folder):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    assert ReferenceNetwork.load().name == f"vgg19:{weight_files.OXFORD_SHA256[:8]}"
    assert weights.load("vgg19")[2] != weight_files.OXFORD_SHA256


def test_the_command_says_that_nothing_is_downloaded(capsys):
    assert main(["weights", "vgg19"]) == 0
    assert weight_files.OXFORD_SHA256 in capsys.readouterr().out
