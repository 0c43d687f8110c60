"""Winograd's convolution against torch's own in float64."""

import os
import re
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
import torch
from torch import nn

from nst.machine import cpu
from nst.networks import winograd
from nst.networks.extractor import FeatureExtractor
from untrained import random_state

here = nn.Conv2d(winograd.MIN_CHANNELS, winograd.MIN_CHANNELS, 3, padding=1)
pytestmark = pytest.mark.skipif(not winograd.is_faster(here), reason="only for x86-64 CPUs with oneDNN")


def layer(channels_in, channels_out, dtype=torch.float32):
    torch.manual_seed(3)
    plain = nn.Conv2d(channels_in, channels_out, 3, padding=1, dtype=dtype).requires_grad_(False)
    return plain, winograd.WinogradConv2d(plain)


def value_and_gradient(convolution, x, weights):
    x = x.clone().requires_grad_(True)
    y = convolution(x)
    (gradient,) = torch.autograd.grad(y, x, weights.to(y.dtype))
    return y.detach().double(), gradient.double()


def error(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


def test_the_matrices_are_toom_and_cooks():
    """y = Aᵀ[(G g) ∘ (Bᵀ d)] is the product with g; bf16 holds A and B exactly."""
    d, g = np.random.default_rng(1).normal(size=(2, 6))
    outputs, kernel, inputs = winograd.matrices()
    np.testing.assert_allclose(outputs @ ((kernel @ g[:3]) * (inputs @ d)), np.correlate(d, g[:3], "valid"), rtol=1e-12)
    for matrix in (outputs, inputs):
        assert np.array_equal(torch.from_numpy(matrix).bfloat16().double().numpy(), matrix)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 3), (8, 12), (13, 22)])
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_it_is_the_convolution(size, memory):
    plain, fast = layer(16, 24)
    x = torch.randn(2, 16, *size).to(memory_format=memory)
    weights = torch.randn(2, 24, *size)
    wanted = value_and_gradient(plain.double(), x.double(), weights)
    for found, right in zip(value_and_gradient(fast, x, weights), wanted, strict=True):
        assert error(found, right) < 2e-6
    assert fast(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not cpu.cpu_has_bf16_units(), reason="this CPU has no bf16 units")
def test_bf16_rounds_twice_as_much():
    """Rounding a feature map to bf16 has an error of 0.3 % by itself; performance.md has that of the losses."""
    plain, fast = layer(128, 128, torch.bfloat16)
    x, weights = torch.randn(1, 128, 24, 31).bfloat16(), torch.randn(1, 128, 24, 31)
    wanted = value_and_gradient(plain.double(), x.double(), weights.bfloat16().double())
    for found, right in zip(value_and_gradient(fast, x, weights), wanted, strict=True):
        assert error(found, right) < 0.01


def test_groups_of_rows_are_the_whole(monkeypatch):
    _, fast = layer(16, 16)
    x, weights = torch.randn(1, 16, 11, 14), torch.randn(1, 16, 11, 14)
    whole = value_and_gradient(fast, x, weights)
    for entries in (1, 1000):
        monkeypatch.setattr(winograd, "GROUP", entries)
        for found, right in zip(value_and_gradient(fast, x, weights), whole, strict=True):
            torch.testing.assert_close(found, right, rtol=1e-6, atol=1e-6)


def test_where_it_is_faster(monkeypatch):
    assert not winograd.is_faster(nn.Conv2d(64, 128, 3))
    assert not winograd.is_faster(nn.Conv2d(128, 128, 3, dtype=torch.float64))
    halves = nn.Conv2d(128, 128, 3, dtype=torch.bfloat16)
    for flags, gains in (({"avx2"}, False), ({"avx512_bf16"}, True), ({"avx512_bf16", "amx_bf16"}, False)):
        monkeypatch.setattr(cpu, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert winograd.is_faster(here)
        assert winograd.is_faster(halves) == gains
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not winograd.is_faster(here)


@pytest.mark.parametrize("layer_output", ["relu", "conv"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_network_computes_the_same_features(layer_output, pooling):
    layers = ["conv2_1", "conv2_2", "conv3_1", "conv4_2"]
    state = random_state("vgg19")
    plain = FeatureExtractor("vgg19", state, layers, layer_output=layer_output, pooling=pooling)
    fast = FeatureExtractor("vgg19", state, layers, layer_output=layer_output, pooling=pooling)
    fast.convert(torch.device("cpu"), torch.float32).optimize_for_inference()
    assert sum(isinstance(step, winograd.WinogradConv2d) for step in fast.steps) == 7
    x = torch.rand(1, 3, 37, 44)
    found = []
    for network in (plain, fast):
        picture = x.clone().requires_grad_(True)
        features = network(picture)
        (gradient,) = torch.autograd.grad(sum(f.square().mean() for f in features.values()), picture)
        found.append([*features.values(), gradient])
    assert all(error(b, a) < 1e-5 for a, b in zip(*found, strict=True))


def test_weights_are_reordered_once_for_a_size():
    """From the layout of another size, oneDNN would reorder weights in every call, for up to 30 times as long."""
    program = """
        import torch
        from nst.networks.winograd import WinogradConv2d
        layer = WinogradConv2d(torch.nn.Conv2d(128, 128, 3, padding=1))
        for size in ((48, 72), (12, 18), (33, 47), (96, 128)):
            x = torch.rand(1, 128, *size, requires_grad=True)
            layer(x).sum().backward()
            print("again", flush=True)
            layer(x).sum().backward()
            print("end", flush=True)
    """
    command = [sys.executable, "-c", dedent(program)]
    log = subprocess.run(command, env=os.environ | {"ONEDNN_VERBOSE": "1"}, capture_output=True, text=True, check=True)
    repeated = re.findall("^again\n(.*?)^end$", log.stdout, re.DOTALL | re.MULTILINE)
    assert len(repeated) == 4
    for lines in repeated:
        assert ",exec,cpu,convolution," in lines
        assert ",exec,cpu,reorder," not in lines
