"""The losses in cases with known values, and against float64 finite differences."""

import numpy as np
import pytest
import scipy.linalg
import torch

from nst.losses import functional as losses
from nst.losses.covariance import covariance_loss
from nst.losses.style import Normalizer
from nst.losses.wasserstein import Wasserstein, covariance_root, wasserstein_loss

KINDS = ["relative", "paper", "mean", "sum"]


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_gram_of_known_channels():
    # Two channels over 4 pixels: (1, 2, 3, 4) and (1, 0, 1, 0).
    features = torch.tensor([[[[1.0, 2], [3, 4]], [[1, 0], [1, 0]]]])
    expected = torch.tensor([[[30.0, 4], [4, 2]]]) / 4
    assert torch.equal(losses.gram(features), expected)


@pytest.mark.parametrize("pixels", [(7, 9), (64, 64), (70, 65)], ids=["part", "one chunk", "chunk and part"])
def test_gram_is_the_einsum_in_any_layout(pixels):
    features = normal(2, 5, *pixels)
    expected = torch.einsum("bchw,bdhw->bcd", features, features) / (pixels[0] * pixels[1])
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.testing.assert_close(losses.gram(features.contiguous(memory_format=layout)), expected)


def test_gram_of_16_bit_features_is_summed_in_32():
    features = normal(1, 8, 80, 80, dtype=torch.float32).bfloat16()
    exact = losses.gram(features.double())
    result = losses.gram(features)
    assert result.dtype == torch.float32
    # The only error allowed is one rounding to bf16 (relative 2^-9) of each chunk's product.
    assert ((result - exact).norm() / exact.norm()) < 2**-9


def test_gram_does_not_depend_on_positions():
    features = normal(1, 4, 6, 6)
    shuffled = features.flatten(2)[:, :, torch.randperm(36, generator=torch.Generator().manual_seed(3))]
    torch.testing.assert_close(losses.gram(features), losses.gram(shuffled.unflatten(2, (6, 6))))


def test_content_loss_of_known_maps():
    features, target = torch.full((1, 2, 3, 4), 3.0), torch.full((1, 2, 3, 4), 1.0)
    got = {kind: losses.content_loss(features, target, kind).item() for kind in KINDS}
    # 24 entries, each off by 2: Σ(F−P)² = 96, ΣP² = 24.
    assert got == {"relative": 4.0, "paper": 48.0, "mean": 4.0, "sum": 4.0}


def test_style_loss_of_known_grams():
    grams, target = torch.full((1, 3, 3), 2.0), torch.full((1, 3, 3), 1.0)
    got = {kind: losses.gram_loss(grams, target, kind, pixels=10).item() for kind in KINDS}
    assert got == pytest.approx({"relative": 1.0, "paper": 9 / 36, "mean": 9 / 81, "sum": 9 * 10 / 27})


def test_paper_normalization_is_equation_4():
    f, a = normal(1, 5, 6, 7, seed=1), normal(1, 5, 6, 7, seed=2)
    n, m = 5, 42
    g_sum, a_sum = (torch.einsum("bchw,bdhw->bcd", t, t) for t in (f, a))
    expected = ((g_sum - a_sum) ** 2).sum((1, 2)) / (4 * n**2 * m**2)
    torch.testing.assert_close(losses.gram_loss(losses.gram(f), losses.gram(a), "paper"), expected)


def test_mean_normalization_is_the_mse_of_grams_over_chw():
    f, a = normal(1, 5, 6, 7, seed=1), normal(1, 5, 6, 7, seed=2)
    g, t = (torch.einsum("bchw,bdhw->bcd", x, x) / (5 * 42) for x in (f, a))
    expected = torch.nn.functional.mse_loss(g, t)
    torch.testing.assert_close(losses.gram_loss(losses.gram(f), losses.gram(a), "mean")[0], expected)


@pytest.mark.parametrize("kind", ["relative", "mean"])
def test_relative_and_mean_losses_do_not_depend_on_size(kind):
    f, a = normal(1, 4, 8, 8, seed=1), normal(1, 4, 8, 8, seed=2)
    big_f, big_a = (t.repeat(1, 1, 3, 3) for t in (f, a))
    torch.testing.assert_close(losses.content_loss(f, a, kind), losses.content_loss(big_f, big_a, kind))
    small = losses.gram_loss(losses.gram(f), losses.gram(a), kind)
    torch.testing.assert_close(small, losses.gram_loss(losses.gram(big_f), losses.gram(big_a), kind))


def test_total_variation_of_a_checkerboard_and_of_a_flat_picture():
    board = (torch.arange(5)[:, None] + torch.arange(7)[None]) % 2
    pictures = torch.stack([board.double().expand(3, 5, 7), torch.full((3, 5, 7), 0.3, dtype=torch.float64)])
    differences = 3 * (4 * 7 + 5 * 6)  # every neighbor differs by 1
    assert losses.total_variation(pictures, "paper").tolist() == [differences, 0]
    assert losses.total_variation(pictures, "mean").tolist() == pytest.approx([differences / (3 * 5 * 7), 0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_match_costs_nothing_and_a_black_target_stays_finite(kind):
    f = normal(1, 3, 4, 4)
    assert losses.content_loss(f, f, kind).item() == 0
    assert losses.gram_loss(losses.gram(f), losses.gram(f), kind).item() == 0
    assert losses.content_loss(f * 0, f * 0, kind).isfinite().all()
    assert losses.gram_loss(losses.gram(f * 0), losses.gram(f * 0), kind).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind):
    target, features = normal(1, 3, 5, 4, seed=5), normal(2, 3, 5, 4, seed=6).requires_grad_(True)
    wanted = losses.gram(target)
    for function in (
        lambda f: losses.content_loss(f, target, kind),
        lambda f: losses.gram_loss(losses.gram(f), wanted, kind),
        lambda f: losses.total_variation(f, kind),
    ):
        assert torch.autograd.gradcheck(function, features)
        channels_last = features.detach().contiguous(memory_format=torch.channels_last).requires_grad_(True)
        assert torch.autograd.gradcheck(function, channels_last)


def test_pictures_of_a_batch_do_not_mix():
    both, target = normal(2, 3, 6, 5), losses.gram(normal(1, 3, 6, 5, seed=9))
    together = losses.gram_loss(losses.gram(both), target, "relative")
    alone = torch.cat([losses.gram_loss(losses.gram(both[i : i + 1]), target, "relative") for i in range(2)])
    torch.testing.assert_close(together, alone)


def moments(features):
    return losses.gram(features), features.mean((2, 3))


def wasserstein(grams, means, target, target_means):
    return wasserstein_loss(grams, means, target, target_means, covariance_root(target, target_means))


def test_covariance_loss_is_numpys():
    f, a = normal(1, 4, 6, 7, seed=1), normal(1, 4, 5, 9, seed=2) + 0.5
    c, d = (np.cov(t[0].flatten(1).numpy(), bias=True) for t in (f, a))
    m, n = (t[0].mean((1, 2)).numpy() for t in (f, a))
    expected = (((c - d) ** 2).sum() / (d**2).sum() + ((m - n) ** 2).sum() / (n**2).sum()) / 2
    assert covariance_loss(*moments(f), *moments(a)).item() == pytest.approx(expected)


def test_wasserstein_loss_is_the_formula_by_scipys_roots():
    f, a = normal(1, 4, 6, 7, seed=1), normal(1, 4, 5, 9, seed=2) * 2 + 0.5
    c, d = (np.cov(t[0].flatten(1).numpy(), bias=True) for t in (f, a))
    m, n = (t[0].mean((1, 2)).numpy() for t in (f, a))
    root = scipy.linalg.sqrtm
    distance = ((m - n) ** 2).sum() + np.trace(c + d - 2 * root(root(d) @ c @ root(d)).real)
    expected = distance / ((n**2).sum() + np.trace(d))
    assert wasserstein(*moments(f), *moments(a)).item() == pytest.approx(expected)


def test_wasserstein_distance_of_shifted_and_of_scaled_features_is_known():
    # A shift costs its square; a scale by k moves each feature by (k − 1) times its deviation.
    a = normal(1, 3, 8, 8, seed=4)
    size = a.square().sum() / 64
    shifted = wasserstein(*moments(a + 2), *moments(a)).item()
    assert shifted == pytest.approx((3 * 4 / size).item())
    centerd = a - a.mean((2, 3), keepdim=True)
    scaled = wasserstein(*moments(3 * centerd), *moments(centerd)).item()
    assert scaled == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize("loss", [covariance_loss, wasserstein])
def test_distributions_match_themselves_and_have_true_gradients(loss):
    target = normal(1, 3, 5, 4, seed=5)
    wanted = moments(target)
    assert loss(*wanted, *wanted).item() == pytest.approx(0, abs=1e-7)
    black = tuple(torch.zeros_like(value) for value in wanted)
    assert loss(*black, *wanted).item() == pytest.approx(1)
    features = normal(2, 3, 5, 4, seed=6).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda f: loss(*moments(f), *wanted), features)


def test_near_a_match_wasserstein_has_the_gradient_of_float64(rng):
    """Features of 64 channels whose covariance has eigenvalues of 1 to 1e-6, as those of a style have."""
    scales = np.logspace(0, -3, 64)[:, None]
    goal = torch.from_numpy(rng.standard_normal((64, 4000)) * scales).view(1, 64, 50, 80)
    features = goal + 0.02 * torch.from_numpy(rng.standard_normal((64, 4000)) * scales).view_as(goal)
    loss, gradients = Wasserstein(), {}
    for dtype in (torch.float32, torch.float64):
        leaf = features.to(dtype).requires_grad_()
        target = loss.target(moments(goal.to(dtype)))
        value = loss.distance(moments(leaf), target, Normalizer("relative", 64, 4000))
        value.sum().backward()
        assert value.dtype == dtype
        gradients[dtype] = (value.item(), leaf.grad.double().flatten())
    (value, gradient), (right, right_gradient) = gradients.values()
    assert value == pytest.approx(right, rel=0.02)
    assert torch.cosine_similarity(gradient, right_gradient, dim=0) > 0.99


def test_hidden_pixels_have_no_total_variation(rng):
    picture = torch.from_numpy(rng.random((1, 3, 8, 10)))
    visible = torch.ones(1, 1, 8, 10, dtype=torch.float64)
    visible[..., 6:] = 0
    for kind in ("relative", "paper"):
        seen = losses.total_variation(picture, kind, visible)
        torch.testing.assert_close(seen, losses.total_variation(picture[..., :6], kind))
    torch.testing.assert_close(
        losses.total_variation(picture, "relative", torch.ones_like(visible)),
        losses.total_variation(picture, "relative"),
    )


def test_the_weights_of_positions_do_not_depend_on_the_area_of_a_mask(rng):
    mask = torch.from_numpy(rng.random((1, 1, 8, 8)))
    torch.testing.assert_close(losses.position_weights(1e-9 * mask, (4, 4)), losses.position_weights(mask, (4, 4)))


def test_fewer_pixels_than_channels_leave_wasserstein_finite():
    few, target = normal(1, 12, 2, 3, seed=7).float().requires_grad_(True), normal(1, 12, 3, 3, seed=8).float()
    value = wasserstein(*moments(few), *moments(target))
    (gradient,) = torch.autograd.grad(value.sum(), few)
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 10


def test_the_loss_of_features_that_are_not_finite_is_not_finite():
    target = normal(1, 3, 5, 4, seed=5)
    features = torch.full((1, 3, 5, 4), torch.nan, dtype=torch.float64)
    assert wasserstein(*moments(features), *moments(target)).isnan().all()
