"""The GPU's kernels against torch's own operations: on a GPU, or in Triton's interpreter."""

from types import ModuleType

import pytest
import torch
from nst import fused, vectors, weights
from nst.networks import FeatureExtractor
from nst.objective import Objective
from nst.settings import make
from torch import Tensor
from torch.nn import functional as F

pytest.importorskip("triton")  # where there is no GPU, tests/conftest.py has asked for its interpreter

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
#: The interpreter multiplies no bf16 matrices.
KIND = torch.bfloat16 if torch.cuda.is_available() else torch.float32
CLOSE = {"rtol": 0.02, "atol": 0.1} if torch.cuda.is_available() else {"rtol": 1e-4, "atol": 1e-4}
SIDES = [(6, 8), (7, 9), (2, 3)]


@pytest.fixture
def kernels() -> ModuleType:
    from nst import kernels

    return kernels


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def maps(random: torch.Generator, *shape: int) -> Tensor:
    values = torch.randn(*shape, generator=random)
    return values.to(DEVICE, KIND).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("channels", [16, 48])
def test_pools_and_goes_back_through_pool_and_relu(kernels, random, sides, channels):
    before = maps(random, 2, channels, *sides).requires_grad_(True)
    y = F.relu(before)
    expected = F.max_pool2d(y, 2)
    pooled, code = kernels.pool(y.detach())
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0)
    slope = maps(random, *pooled.shape)
    (wanted,) = torch.autograd.grad(expected, before, slope)
    torch.testing.assert_close(kernels.spread(slope, code, *sides), wanted, rtol=0, atol=0)


def test_a_pool_passes_on_what_is_not_a_number(kernels, random):
    y = maps(random, 1, 16, 2, 2)
    y[0, 3, 1, 0] = torch.nan
    assert kernels.pool(y)[0][0, 3, 0, 0].isnan()


@pytest.mark.parametrize("count", [1, 2])
def test_a_gate_sums_where_the_relu_is_open(kernels, random, count):
    y, *slopes = (maps(random, 2, 16, 5, 7) for _ in range(1 + count))
    wanted = torch.where(y > 0, torch.stack([s.float() for s in slopes]).sum(0), 0)
    torch.testing.assert_close(kernels.gate(F.relu(y), *slopes), wanted.to(KIND))


@pytest.mark.parametrize("sides", SIDES)
def test_the_first_convolution_forth_and_back(kernels, random, sides):
    pictures = torch.rand(2, 3, *sides, generator=random).to(DEVICE).requires_grad_(True)
    step = torch.nn.Conv2d(3, 16, 3, padding=1, device=DEVICE, dtype=KIND)
    mean, std = torch.tensor([0.4, 0.5, 0.3], device=DEVICE), torch.tensor([0.2, 0.3, 0.25], device=DEVICE)
    mean, std = mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
    expected = F.relu(step(((pictures - mean) / std).to(KIND)))
    stage = fused._First(step, mean, std)
    y = kernels.enter(pictures.detach(), stage.weight, stage.bias, stage.mean, stage.std)
    torch.testing.assert_close(y, expected, **CLOSE)
    slopes = maps(random, *y.shape), maps(random, *y.shape)
    (wanted,) = torch.autograd.grad(expected, pictures, slopes[0] + slopes[1])
    torch.testing.assert_close(kernels.leave(y, stage.turned, stage.std, *slopes), wanted, **CLOSE)
    (wanted,) = torch.autograd.grad(F.relu(step(((pictures - mean) / std).to(KIND))), pictures, slopes[0])
    torch.testing.assert_close(kernels.leave(y, stage.turned, stage.std, slopes[0]), wanted, **CLOSE)


@pytest.mark.parametrize("n", [10, 9000])
@pytest.mark.filterwarnings("ignore:invalid value")  # NumPy of ∞ · 0, in the interpreter
def test_whole_pictures_as_torch_has_them(kernels, random, n):
    def vector(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).to(DEVICE)

    close = {"rtol": 1e-4, "atol": 1e-2}
    a, b, c, d, e, f = (vector(2, n) for _ in range(6))
    rows = vector(2, 10, n)
    torch.testing.assert_close(kernels.onto(rows, a, b), vectors.onto(rows.double(), a.double(), b.double()), **close)
    for ours, theirs in zip(kernels.measure(a, b, c, d, e, f), vectors.measure(a, b, c, d, e, f), strict=True):
        torch.testing.assert_close(ours, theirs, **close)
    torch.testing.assert_close(kernels.weigh(a, b, c), vectors.weigh(a, b, c), **close)
    shares = torch.tensor([0.5, 0], device=DEVICE), torch.tensor([0, -2.0], device=DEVICE)
    a[1], b[0] = torch.inf, torch.nan
    ours, theirs = torch.empty_like(a), torch.empty_like(a)
    kernels.mix(shares[0], a, shares[1], b, ours)
    vectors.mix(shares[0], a, shares[1], b, theirs)
    torch.testing.assert_close(ours, theirs)
    assert theirs.isfinite().all()


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("good", [True, False])
def test_takes_steps_only_where_they_are_good(kernels, random, stored, good):
    found = []
    for by in (kernels, vectors):
        random.manual_seed(1)
        pairs, *six = (torch.randn(2, *shape, generator=random).to(DEVICE) for shape in [(6, 40), *[(40,)] * 6])
        six[0][1] = torch.nan  # the other row is refused whatever happens to this one
        slot = torch.tensor([2, 0], device=DEVICE)
        flags = (torch.tensor([flag, False], device=DEVICE) for flag in (stored, good))
        by.take(pairs, slot, *flags, tuple(six[:3]), tuple(six[3:]))
        found.append([pairs, *six[3:]])
    torch.testing.assert_close(*found, rtol=0, atol=0)


@pytest.mark.parametrize("network, layers", [("vgg19", "conv4_2"), ("vgg19", "conv1_2+conv4_1"), ("lite", "conv4_2")])
def test_a_network_sees_the_same(kernels, random, untrained, network, layers, monkeypatch):
    settings = make({"network": network, "content_layers": layers})
    state = untrained if network == "vgg19" else weights.load("lite")[0]
    used = [*settings.content_layers, *settings.style_layers]
    pictures = torch.rand(3, 3, 50, 35, generator=random).to(DEVICE)
    ends = []
    for fast in (False, True):
        extractor = FeatureExtractor(network, state, used).convert(DEVICE, KIND)
        if fast:
            extractor.fused = fused.FusedNetwork(
                extractor.steps, extractor.names, extractor.layers, extractor.mean, extractor.std
            )
        objective = Objective(extractor, pictures[:1], [(pictures[1:2], 1.0)], settings)
        ends.append(objective.evaluate(pictures[2:]))
    torch.testing.assert_close(ends[1].parts, ends[0].parts, rtol=0.02, atol=1e-6)
    difference = (ends[1].gradient - ends[0].gradient).norm() / ends[0].gradient.norm()
    assert difference < (0.1 if DEVICE.type == "cuda" else 0.02)  # rounding can make another entry the maximum
