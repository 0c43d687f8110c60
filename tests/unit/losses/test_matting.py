"""The photorealism loss against the matting Laplacian's definition, as a dense matrix in float64."""

import itertools

import numpy as np
import pytest
import torch

from nst.losses import matting
from nst.losses.matting import joined, laplacian_product, photo_loss, windows
from nst.losses.objective import Objective
from nst.losses.objective import joined as joined_objectives
from nst.losses.tiling import TiledObjective
from nst.networks.extractor import FeatureExtractor
from nst.settings import make
from untrained import random_state

SHAPE = (7, 9)
CPU = torch.device("cpu")


def picture(seed, *shape):
    return torch.rand(*(shape or (1, 3, *SHAPE)), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


CONTENT, X, OTHER = picture(1), picture(2), picture(3)


def laplacian(content, weights=None):
    """Levin, Lischinski & Weiss, equation 12, entry by entry; weights: of windows, by their first row and column."""
    colors = content[0].permute(1, 2, 0).numpy()
    height, width = colors.shape[:2]
    matrix = np.zeros((height * width, height * width))
    for row, column in itertools.product(range(height - 2), range(width - 2)):
        pixels = [(row + r) * width + column + c for r, c in itertools.product(range(3), repeat=2)]
        inside = colors.reshape(-1, 3)[pixels]
        centered = inside - inside.mean(0)
        inverse = np.linalg.inv(centered.T @ centered / 9 + 1e-7 / 9 * np.eye(3))
        entries = np.eye(9) - (1 + centered @ inverse @ centered.T) / 9
        matrix[np.ix_(pixels, pixels)] += entries * (1 if weights is None else weights[row, column])
    return matrix


def quadratic_form(matrix, x):
    return sum(channel @ matrix @ channel for channel in x[0].flatten(1).numpy())


def affine_of(content):
    """Another image, of colors that are an affine function of the content's."""
    return torch.einsum("cd,bdhw->bchw", picture(5, 3, 3), content) + picture(6, 1, 3, 1, 1)


def test_it_is_the_quadratic_form_of_the_matting_laplacian():
    matrix, content = laplacian(CONTENT), windows(CONTENT)
    expected = quadratic_form(matrix, X)
    assert expected > 1
    assert photo_loss(X, content, "paper").item() == pytest.approx(expected, rel=1e-9)
    for kind in ("relative", "mean", "sum"):
        assert photo_loss(X, content, kind).item() == pytest.approx(expected / X.numel(), rel=1e-9)
    product = torch.stack([torch.from_numpy(matrix) @ channel for channel in X[0].flatten(1)])
    torch.testing.assert_close(laplacian_product(X, content)[0].flatten(1), product)


def test_strips_of_rows_add_up_to_the_whole(monkeypatch):
    whole = laplacian_product(X, windows(CONTENT))
    for pixels in (1, 9, 20):
        monkeypatch.setitem(matting.STRIP, "cpu", pixels)
        torch.testing.assert_close(laplacian_product(X, windows(CONTENT)), whole)


def test_affine_functions_of_the_colors_cost_nothing():
    free = photo_loss(affine_of(CONTENT), windows(CONTENT), "paper").item()
    assert abs(free) < 1e-4 * photo_loss(X, windows(CONTENT), "paper").item()  # not 0: the ridge shrinks the slopes
    constant = torch.full_like(X, 0.3)
    assert abs(photo_loss(constant, windows(CONTENT), "paper").item()) < 1e-12


def test_it_is_positive_semidefinite():
    basis = torch.eye(SHAPE[0] * SHAPE[1], dtype=torch.float64).view(-1, 1, *SHAPE).expand(-1, 3, -1, -1)
    content = joined([windows(CONTENT)] * len(basis))
    matrix = laplacian_product(basis, content)[:, 0].flatten(1)
    torch.testing.assert_close(matrix, matrix.T)
    values = torch.linalg.eigvalsh(matrix)
    assert values.min() > -1e-12
    assert 1 < values.max() < 9  # each pixel is in at most 9 windows


@pytest.mark.parametrize("gray", [False, True], ids=["colored", "gray"])
def test_flat_and_gray_contents_are_regular(gray):
    """Without colors, or with colors on a line, only the ridge makes the windows' matrices invertible."""
    content = CONTENT[:, :1].expand_as(CONTENT) if gray else torch.full_like(CONTENT, 0.4)
    found = photo_loss(X, windows(content), "paper").item()
    assert found == pytest.approx(quadratic_form(laplacian(content), X), rel=1e-6)


def test_the_gradient_by_finite_differences():
    content, x = windows(CONTENT), X.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(photo_loss(x, content, "relative").sum(), x)
    for seed in range(3):
        direction = picture(20 + seed) - 0.5
        up, down = (photo_loss(X + sign * 1e-4 * direction, content, "relative").item() for sign in (1, -1))
        assert (gradient * direction).sum().item() == pytest.approx((up - down) / 2e-4, rel=1e-6)


def test_float32_images_lose_little():
    content = windows(CONTENT.float())
    for x in (X, affine_of(CONTENT)):
        exact = laplacian_product(x, windows(CONTENT.float().double()))
        narrow = x.float().requires_grad_(True)
        loss = photo_loss(narrow, content, "paper")
        (gradient,) = torch.autograd.grad(loss.sum(), narrow)
        assert loss.dtype == gradient.dtype == torch.float32
        assert (gradient / 2 - exact).abs().max() < 1e-6  # of 1: rounding the pixels alone gives 3e-7


class OnAppleGPU:
    """A fake tensor on Apple's GPU that records where it is moved."""

    device = torch.device("mps")

    def __init__(self, tensor):
        self.tensor, self.moves = tensor, []

    def to(self, device, dtype):
        self.moves.append((device, dtype))
        return self.tensor.to(device, dtype)


def test_without_float64_it_is_computed_on_the_cpu():
    content, visible = OnAppleGPU(CONTENT.float()), OnAppleGPU(torch.ones(1, 1, *SHAPE))
    found = windows(content, visible)
    assert content.moves == visible.moves == [(CPU, torch.float64)]
    assert torch.equal(found.colors, CONTENT.float().double())


@pytest.mark.parametrize("shape", [(2, 9), (9, 2), (1, 1)])
def test_an_image_without_windows_has_no_loss(shape):
    x = picture(1, 1, 3, *shape).requires_grad_(True)
    loss = photo_loss(x, windows(picture(2, 1, 3, *shape)), "relative")
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    assert loss.item() == 0
    assert gradient.abs().max() == 0


def test_a_batch_is_its_images():
    both = photo_loss(torch.cat([X, OTHER]), joined([windows(CONTENT), windows(OTHER)]), "relative")
    alone = [photo_loss(x, windows(content), "relative") for x, content in ((X, CONTENT), (OTHER, OTHER))]
    torch.testing.assert_close(both, torch.cat(alone))


def test_windows_weigh_as_much_as_is_visible_of_them():
    visible = torch.zeros(1, 1, *SHAPE, dtype=torch.float64)
    visible[..., :4] = picture(4, 7, 4)
    weights = visible[0, 0].unfold(0, 3, 1).unfold(1, 3, 1).mean((2, 3))
    content = windows(CONTENT, visible)
    expected = quadratic_form(laplacian(CONTENT, (weights / weights.mean()).numpy()), X)
    assert photo_loss(X, content, "paper").item() == pytest.approx(expected, rel=1e-9)
    assert laplacian_product(X, content)[..., 6:].abs().max() == 0
    everything = windows(CONTENT, torch.ones_like(visible))
    torch.testing.assert_close(photo_loss(X, everything, "paper"), photo_loss(X, windows(CONTENT), "paper"))


def objective(kind, content, **values):
    settings = make({"content_layers": "conv2_1", "style_layers": "conv1_1", "tile": 32} | values)
    network = FeatureExtractor("vgg19", random_state("vgg19"), ["conv1_1", "conv2_1"]).convert(CPU, torch.float64)
    return kind(network, content, [(picture(9, 1, 3, 20, 20), 1.0)], settings)


def test_the_objective_adds_it_with_its_weight():
    content, x = picture(10, 1, 3, 40, 70), picture(11, 1, 3, 40, 70)
    plain, photo = objective(Objective, content), objective(Objective, content, photo_weight=30)
    before, after = plain.evaluate(x), photo.evaluate(x)
    assert "photo" not in before.parts
    found = after.parts.pop("photo")
    torch.testing.assert_close(found, photo_loss(x, windows(content), "relative"))
    assert after.parts == before.parts
    torch.testing.assert_close(after.total, before.total + 30 * found)
    expected = before.gradient + 60 * laplacian_product(x, windows(content)) / x.numel()
    torch.testing.assert_close(after.gradient, expected)


def test_in_tiles_it_is_that_of_the_whole_image():
    content, x = picture(10, 1, 3, 40, 70), picture(11, 1, 3, 40, 70)
    whole, tiled = (objective(kind, content, photo_weight=1e3).evaluate(x) for kind in (Objective, TiledObjective))
    torch.testing.assert_close(tiled.parts["photo"], whole.parts["photo"])
    torch.testing.assert_close(tiled.total, whole.total, rtol=1e-6, atol=0)
    assert ((tiled.gradient - whole.gradient).norm() / whole.gradient.norm()).item() < 1e-6


def test_objectives_of_a_batch_have_their_own_contents():
    contents, x = [picture(seed, 1, 3, 20, 24) for seed in (12, 13)], picture(14, 2, 3, 20, 24)
    objectives = [objective(Objective, content, photo_weight=1e3, tile=0) for content in contents]
    both = joined_objectives(objectives).evaluate(x)
    for row, alone in enumerate(objectives):
        found = alone.evaluate(x[row : row + 1])
        torch.testing.assert_close(both.total[row : row + 1], found.total)
        torch.testing.assert_close(both.gradient[row : row + 1], found.gradient)
