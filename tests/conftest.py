"""What the tests share: small images, untrained weights, and the reference network."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from untrained import random_state

# Processes that a shell starts in the background ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Converted and downloaded weights of the tests are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NST_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("NST_WEIGHTS_DIR", raising=False)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """A smooth image with edges, (40, 48, 3)."""
    y, x = np.mgrid[0:40, 0:48].astype(np.float32)
    disc = ((x - 20) ** 2 + (y - 22) ** 2 < 150).astype(np.float32)
    return np.stack([x / 48, y / 40, 0.2 + 0.6 * disc], 2)


@pytest.fixture(scope="session")
def stripes() -> np.ndarray:
    """A strong pattern, (36, 44, 3)."""
    y, x = np.mgrid[0:36, 0:44].astype(np.float32)
    wave = 0.5 + 0.5 * np.sin((x + 0.6 * y) * 0.9)
    return np.stack([wave, 1 - wave, 0.5 * wave], 2).astype(np.float32)


@pytest.fixture(scope="session")
def untrained() -> dict:
    """VGG-19's convolutions with random weights that keep the size of activations (He et al., arXiv:1502.01852)."""
    return random_state("vgg19")


@pytest.fixture(scope="session")
def untrained_folder(untrained, tmp_path_factory) -> Path:
    """A folder for NST_WEIGHTS_DIR with untrained weights in half precision."""
    import torch

    folder = tmp_path_factory.mktemp("weights")
    torch.save({key: value.half() for key, value in untrained.items()}, folder / "vgg19.pth")
    return folder


@pytest.fixture
def job(tmp_path, monkeypatch, scene, stripes, untrained_folder):
    """A maker of jobs in a folder of their own, with a checkpoint after each iteration."""
    from jobs import Jobs, with_checkpoints

    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    with_checkpoints(monkeypatch)
    return Jobs(tmp_path, scene, stripes)


@pytest.fixture(scope="session")
def trained() -> dict:
    """The original VGG-19's weights, which come with the installation."""
    from nst import weights

    return weights.load("vgg19", "oxford")[0]
