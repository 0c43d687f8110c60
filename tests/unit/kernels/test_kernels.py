"""The Triton kernels against torch's own operations: on a GPU, or in Triton's interpreter."""

from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nst import weights
from nst.losses.functional import total_variation
from nst.losses.objective import Objective, ObjectiveValue
from nst.networks import fused
from nst.networks.extractor import FeatureExtractor
from nst.networks.split import SplitConv2d
from nst.optim import vectors
from nst.settings import make

pytest.importorskip("triton")  # without a GPU, tests/conftest.py enables its interpreter

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
#: The interpreter cannot multiply bf16 matrices.
KIND = torch.bfloat16 if torch.cuda.is_available() else torch.float32
CLOSE = 0.02 if torch.cuda.is_available() else 1e-5
SIDES = [(6, 8), (7, 9), (2, 3), (2, 300)]  # the last one wider than the columns that one program has


@pytest.fixture
def kernels() -> ModuleType:
    from nst.kernels import gpu as kernels

    return kernels


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def maps(random: torch.Generator, *shape: int) -> Tensor:
    values = torch.randn(*shape, generator=random)
    return values.to(DEVICE, KIND).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("channels", [16, 48])
def test_max_pool_forward_and_backward_through_the_relu(kernels, random, sides, channels):
    before = maps(random, 2, channels, *sides).requires_grad_(True)
    y = F.relu(before)
    expected = F.max_pool2d(y, 2)
    pooled, code = kernels.max_pool(y.detach())
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0)
    gradient = maps(random, *pooled.shape)
    (wanted,) = torch.autograd.grad(expected, before, gradient)
    torch.testing.assert_close(kernels.max_pool_backward(gradient, code, *sides), wanted, rtol=0, atol=0)


def test_max_pool_keeps_nan(kernels, random):
    y = maps(random, 1, 16, 2, 2)
    y[0, 3, 1, 0] = torch.nan
    assert kernels.max_pool(y)[0][0, 3, 0, 0].isnan()


@pytest.mark.parametrize("count", [1, 2])
def test_relu_backward_sums_the_gradients_where_the_output_is_positive(kernels, random, count):
    y, *gradients = (maps(random, 2, 16, 5, 7) for _ in range(1 + count))
    wanted = torch.where(y > 0, torch.stack([s.float() for s in gradients]).sum(0), 0)
    torch.testing.assert_close(kernels.relu_backward(F.relu(y), *gradients), wanted.to(KIND))


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("kind", [KIND] if torch.cuda.is_available() else [torch.float32, torch.float16])
def test_only_the_result_of_the_first_convolution_is_rounded(kernels, random, sides, kind):
    pictures = torch.rand(2, 3, *sides, generator=random).to(DEVICE)
    step = torch.nn.Conv2d(3, 16, 3, padding=1, device=DEVICE).requires_grad_(False)
    step.bias.copy_(step.bias.to(kind))
    mean, std = torch.full((1, 3, 1, 1), 0.45, device=DEVICE), torch.full((1, 3, 1, 1), 0.22, device=DEVICE)
    stage, eps = fused._FirstConv(SplitConv2d(step, kind), mean, std), torch.finfo(kind).eps
    y = kernels.first_conv(pictures, stage.high, stage.low, stage.bias, stage.mean, stage.std)
    wanted = F.relu(step.double()((pictures.double() - mean) / std))
    assert ((y - wanted).abs() <= eps * wanted + 4 * max(eps**2, 1e-6)).all()


@pytest.mark.parametrize("sides", SIDES)
def test_the_first_convolution_forward_and_backward(kernels, random, sides):
    pictures = torch.rand(2, 3, *sides, generator=random).to(DEVICE).requires_grad_(True)
    step = torch.nn.Conv2d(3, 16, 3, padding=1, device=DEVICE)
    mean, std = torch.tensor([0.4, 0.5, 0.3], device=DEVICE), torch.tensor([0.2, 0.3, 0.25], device=DEVICE)
    mean, std = mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
    before = step((pictures - mean) / std)
    stage = fused._FirstConv(SplitConv2d(step, KIND), mean, std)
    y = kernels.first_conv(pictures.detach(), stage.high, stage.low, stage.bias, stage.mean, stage.std)
    assert away(y, F.relu(before)) < CLOSE / 4
    gradients = maps(random, *y.shape), maps(random, *y.shape)
    (wanted,) = torch.autograd.grad(before, pictures, (gradients[0] + gradients[1]) * (y > 0), retain_graph=True)
    assert away(kernels.first_conv_backward(y, stage.transposed, stage.std, *gradients), wanted) < CLOSE
    (wanted,) = torch.autograd.grad(before, pictures, gradients[0] * (y > 0))
    assert away(kernels.first_conv_backward(y, stage.transposed, stage.std, gradients[0]), wanted) < CLOSE


@pytest.mark.parametrize("n", [10, 9000])
@pytest.mark.filterwarnings("ignore:invalid value")  # NumPy of ∞ · 0, in the interpreter
def test_vector_operations_of_lbfgs(kernels, random, n):
    def vector(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).to(DEVICE)

    close = {"rtol": 1e-4, "atol": 1e-2}
    a, b, c, d = (vector(2, n) for _ in range(4))
    rows = vector(2, 10, n)
    torch.testing.assert_close(
        kernels.row_dots(rows, a, b), vectors.row_dots(rows.double(), a.double(), b.double()), **close
    )
    some = b[:, :10].contiguous()
    few, close["atol"] = rows.to(kernels.PAIR_DTYPE), 0.05 * n**0.5
    torch.testing.assert_close(kernels.row_dots(few, a, b), vectors.row_dots(rows, a, b), **close)
    torch.testing.assert_close(kernels.combine(some, rows), vectors.combine(some, rows), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(kernels.combine(some, few), vectors.combine(some, few.float()))
    close["atol"] = 1e-2
    (change, sums), (wanted, expected) = kernels.secant_pair(a, b, c, d), vectors.secant_pair(a, b, c, d)
    expected[:, 1] = (as_stored(a - b, kernels.PAIR_DTYPE).double() * (c - d)).sum(1)  # of the step as it is stored
    torch.testing.assert_close(change, wanted)
    torch.testing.assert_close(sums, expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(kernels.dots(a, b, c), vectors.dots(a, b, c), **close)
    shares = torch.tensor([0.5, 0], device=DEVICE), torch.tensor([0, -2.0], device=DEVICE)
    a[1], b[0] = torch.inf, torch.nan
    ours, theirs = torch.empty_like(a), torch.empty_like(a)
    kernels.axpby(shares[0], a, shares[1], b, ours)
    vectors.axpby(shares[0], a, shares[1], b, theirs)
    torch.testing.assert_close(ours, theirs)
    assert theirs.isfinite().all()


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_pairs_are_stored_only_where_the_step_is_accepted(kernels, random, stored, good, kind):
    found = []
    for by in (kernels, vectors):
        random.manual_seed(1)
        pairs, *six = (torch.randn(2, *shape, generator=random).to(DEVICE) for shape in [(6, 40), *[(40,)] * 6])
        pairs = as_stored(pairs, kind).to(kind if by is kernels else torch.float32)
        six[0][1] = torch.nan  # the second row is never accepted
        slot = torch.tensor([2, 0], device=DEVICE)
        flags = (torch.tensor([flag, False], device=DEVICE) for flag in (stored, good))
        by.store_pair(pairs, slot, *flags, tuple(six[:3]), tuple(six[3:]))
        found.append([as_stored(pairs, kind), *six[3:]])
    torch.testing.assert_close(*found, rtol=0, atol=0)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 13])
def test_solves_for_the_weights_of_the_steps(kernels, random, count):
    """Pairs of a quadratic form: none, fewer than m, m, and more."""
    m, n = 5, 30
    root = torch.randn(n, n, generator=random).double()
    form = root @ root.mT + torch.eye(n)
    steps = torch.randn(2, m, n, generator=random).double()
    changes = steps @ form
    products = torch.cat([steps, changes], 1) @ changes.mT
    gradient = torch.randn(2, n, generator=random).double()
    dots = (torch.cat([steps, changes], 1) @ gradient[:, :, None]).squeeze(2)
    for dead in (slice(count, m), slice(m + count, 2 * m)):  # leftovers of pairs that were dropped
        products[:, dead] *= -1000
        dots[:, dead] *= -1000
    products[:, :, count:] *= -1000
    given = products.to(DEVICE), dots.to(DEVICE), torch.tensor([count, count], device=DEVICE)
    for ours, theirs in zip(kernels.solve(*given, 2.0), vectors.solve(*given, 2.0), strict=True):
        torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("targets", [1, 2])
def test_distances_of_feature_maps(kernels, random, targets):
    features, target = maps(random, 2, 16, 5, 7), maps(random, targets, 16, 5, 7)
    apart = features.float() - target.float()
    torch.testing.assert_close(kernels.squared_distance(features, target), apart.square().sum((1, 2, 3)))
    scale = torch.tensor([0.5, -2], device=DEVICE)
    found = kernels.squared_distance_backward(features, target, scale)
    torch.testing.assert_close(found, (apart * scale[:, None, None, None]).to(KIND))


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("rest", [True, False])
def test_residuals_of_gram_matrices(kernels, random, targets, rest):
    products = [torch.randn(2, chunks, 20, 20, generator=random).to(DEVICE) for chunks in ((3, 1) if rest else (3,))]
    target = torch.randn(targets, 20, 20, generator=random).to(DEVICE)
    wanted = torch.cat(products, 1).sum(1) / 50 - target
    difference, squares = kernels.gram_residual(products, 50, target)
    torch.testing.assert_close(difference, wanted)
    torch.testing.assert_close(squares, wanted.square().sum((1, 2)))
    first, both = torch.tensor([0.5], device=DEVICE), torch.tensor([[1.0, 9], [-3, 9]], device=DEVICE)[:, 0]
    expected = (wanted * (2 * 0.5 * both)[:, None, None]).to(KIND)
    torch.testing.assert_close(kernels.scaled(difference, 2, first, both, KIND), expected)


@pytest.mark.parametrize("sides", [(5, 7), (1, 4), (3, 1), (4, 1025)])
def test_total_variation_of_images(kernels, random, sides):
    pictures = torch.rand(2, 3, *sides, generator=random).to(DEVICE)
    wanted = total_variation(pictures.requires_grad_(True), "paper")  # with gradients, by torch
    torch.testing.assert_close(kernels.total_variation(pictures.detach()), wanted.detach())


@pytest.mark.parametrize(
    ("network", "layers"), [("vgg19", "conv4_2"), ("vgg19", "conv1_2+conv4_1"), ("lite", "conv4_2")]
)
def test_a_fused_network_computes_the_same_features(kernels, random, untrained, network, layers):
    """As exact as torch's own operations in the same type: rounding can make another entry the maximum."""
    settings = make({"network": network, "content_layers": layers})
    state = untrained if network == "vgg19" else weights.load("lite")[0]
    used = [*settings.content_layers, *settings.style_layers]
    pictures = torch.rand(3, 3, 50, 35, generator=random).to(DEVICE)

    def evaluated(kind: torch.dtype, fast: bool) -> ObjectiveValue:
        extractor = FeatureExtractor(network, state, used).convert(DEVICE, kind)
        if fast:
            if kind == torch.float32:
                extractor.steps[0] = SplitConv2d(extractor.steps[0], kind)
            parts = extractor.steps, extractor.names, extractor.layers, extractor.mean, extractor.std
            extractor.fused = fused.FusedNetwork(*parts)
        return Objective(extractor, pictures[:1], [(pictures[1:2], 1.0)], settings).evaluate(pictures[2:])

    exact = evaluated(torch.float32, False)
    usual, ours = (evaluated(KIND, fast) for fast in (False, True))
    torch.testing.assert_close(ours.parts, usual.parts, rtol=CLOSE, atol=1e-6)
    assert away(ours.gradient, exact.gradient) < 1.2 * away(usual.gradient, exact.gradient) + 0.02


def as_stored(values: Tensor, kind: torch.dtype) -> Tensor:
    """The values as a kernel stores them in a type: a GPU rounds to the nearest, the interpreter cuts bits off."""
    if kind == torch.bfloat16 and not torch.cuda.is_available():
        values = (values.float().view(torch.int32) & ~0xFFFF).view(torch.float32)
    return values.to(kind)


def away(found: Tensor, wanted: Tensor) -> float:
    """Relative distance in the Euclidean norm."""
    found, wanted = found.detach().float(), wanted.detach().float()
    return float((found - wanted).norm() / wanted.norm())
