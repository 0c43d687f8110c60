"""The objective against an independent implementation in torch, float64, and against finite differences."""

import pytest
import torch

from nst.losses.objective import Objective
from nst.networks.extractor import FeatureExtractor
from nst.settings import make


def picture(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(state, settings):
    layers = [*settings.content_layers, *settings.style_layers]
    extractor = FeatureExtractor("vgg19", state, layers, pooling=settings.pooling, layer_output=settings.layer_output)
    return extractor.convert(torch.device("cpu"), torch.float64)


def settings_of(**values):
    return make({"content_layers": "conv2_1", "style_layers": "conv1_1:0.5+conv2_1:2"} | values)


CONTENT, STYLE, OTHER, X = (
    picture(1, 1, 3, 10, 12), picture(2, 1, 3, 9, 9), picture(3, 1, 3, 8, 14), picture(4, 1, 3, 10, 12),
)  # fmt: skip


def plain(extractor, x, s, styles):
    """Equation 7 with the normalizations, by einsum."""

    def gram(f):
        return torch.einsum("bchw,bdhw->bcd", f, f) / (f.shape[2] * f.shape[3])

    fx, fc = extractor(x), extractor(CONTENT)
    f, p = fx["conv2_1"], fc["conv2_1"]
    squares = ((f - p) ** 2).sum()
    content = {"relative": squares / (p**2).sum(), "paper": squares / 2, "mean": squares / f.numel()}[s.normalization]
    style = 0
    for layer, weight in s.style_layers.items():
        g = gram(fx[layer])
        a = sum(share * gram(extractor(picture)[layer]) for picture, share in styles)
        n, d = g.shape[-1], ((g - a) ** 2).sum()
        scaled = {"relative": d / (a**2).sum(), "paper": d / (4 * n**2), "mean": d / n**4}[s.normalization]
        style = style + scaled * (weight if s.normalization == "mean" else weight / 2.5)
    tv = ((x[:, :, 1:] - x[:, :, :-1]) ** 2).sum() + ((x[..., 1:] - x[..., :-1]) ** 2).sum()
    tv = tv if s.normalization == "paper" else tv / x.numel()
    return s.content_weight * content + s.style_weight * style + s.tv_weight * tv


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("kind", ["relative", "paper", "mean"])
def test_value_and_gradient_of_the_whole_objective(untrained, kind, pooling):
    s = settings_of(normalization=kind, pooling=pooling, content_weight=0.7, style_weight=3, tv_weight=0.2)
    extractor = network(untrained, s)
    styles = [(STYLE, 0.7), (OTHER, 0.3)]
    ours = Objective(extractor, CONTENT, styles, s).evaluate(X)
    x = X.clone().requires_grad_(True)
    value = plain(extractor, x, s, styles)
    (gradient,) = torch.autograd.grad(value, x)
    torch.testing.assert_close(ours.total[0], value.detach(), rtol=1e-9, atol=0)
    torch.testing.assert_close(ours.gradient, gradient, rtol=1e-7, atol=1e-12 * gradient.abs().max().item())


def test_gradient_by_finite_differences_in_random_directions(untrained):
    s = settings_of(pooling="average", tv_weight=0.5)  # max pooling has kinks, which a difference may straddle
    objective = Objective(network(untrained, s), CONTENT, [(STYLE, 1.0)], s)
    gradient = objective.evaluate(X).gradient
    for seed in range(3):
        direction = picture(20 + seed, *X.shape) - 0.5
        h = 1e-6
        up, down = (objective.evaluate(X + sign * h * direction).total.item() for sign in (1, -1))
        assert (gradient * direction).sum().item() == pytest.approx((up - down) / (2 * h), rel=1e-4)


def test_weights_of_zero_switch_a_loss_off(untrained):
    for off, name in (("content_weight", "content"), ("style_weight", "style")):
        s = settings_of(**{off: 0})
        iteration = Objective(network(untrained, s), CONTENT, [(STYLE, 1.0)], s).evaluate(X)
        assert iteration.parts[name].item() == 0
        assert iteration.total.item() > 0


def test_a_blend_of_one_style_twice_is_that_style(untrained):
    s = settings_of()
    extractor = network(untrained, s)
    once = Objective(extractor, CONTENT, [(STYLE, 1.0)], s).evaluate(X).total
    twice = Objective(extractor, CONTENT, [(STYLE, 0.2), (STYLE, 0.6)], s).evaluate(X).total
    torch.testing.assert_close(once, twice)


def test_pictures_of_a_batch_do_not_depend_on_each_other(untrained):
    s = settings_of()
    objective = Objective(network(untrained, s), CONTENT, [(STYLE, 1.0)], s)
    both = objective.evaluate(torch.cat([X, CONTENT]))
    alone = objective.evaluate(X)
    torch.testing.assert_close(both.total[:1], alone.total)
    torch.testing.assert_close(both.gradient[:1], alone.gradient)


def half_seen():
    """Of 10 × 40 px the left quarter is visible."""
    visible = torch.zeros(1, 1, 10, 40, dtype=torch.float64)
    visible[..., :10] = 1
    return visible


@pytest.mark.parametrize("style_loss", ["gram", "covariance"])
@pytest.mark.parametrize("kind", ["relative", "paper", "mean"])
def test_only_what_is_visible_counts(untrained, kind, style_loss):
    if style_loss == "covariance" and kind != "relative":
        pytest.skip("is relative")
    s = settings_of(normalization=kind, style_loss=style_loss)
    content, x = picture(5, 1, 3, 10, 40), picture(6, 1, 3, 10, 40)
    objective = Objective(network(untrained, s), content, [(STYLE, 0.7), (OTHER, 0.3)], s, visible=half_seen())
    found = objective.evaluate(x)
    assert found.gradient[..., :10].abs().max() > 0
    assert found.gradient[..., 20:].abs().max() == 0  # beyond the receptive field of conv2_1
    changed = x.clone()
    changed[..., 20:] = 0
    for name, part in objective.evaluate(changed).parts.items():
        if name != "tv":
            torch.testing.assert_close(part, found.parts[name])


def test_the_content_loss_weighs_places_by_what_is_visible_of_them(untrained):
    s = settings_of(normalization="mean", style_weight=0)
    extractor = network(untrained, s)
    visible = picture(7, 1, 1, 10, 12)
    objective = Objective(extractor, CONTENT, [(STYLE, 1.0)], s, visible=visible)
    assert objective.evaluate(CONTENT).parts["content"].item() == 0
    weight = torch.nn.functional.adaptive_avg_pool2d(visible, (5, 6))
    squares = (extractor(X)["conv2_1"] - extractor(CONTENT)["conv2_1"]).square()
    expected = (squares * weight / weight.mean()).mean()
    assert objective.evaluate(X).parts["content"].item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("visible", [None, picture(7, 1, 1, 10, 12)], ids=["opaque", "alpha"])
@pytest.mark.parametrize("kind", ["relative", "paper", "mean"])
def test_the_content_loss_counts_protected_places_more(untrained, kind, visible):
    s = settings_of(normalization=kind, protect="mask.png", protect_weight=9)
    extractor = network(untrained, s)
    protection = picture(8, 1, 1, 10, 12)
    given = {"visible": visible, "protection": protection}
    found = Objective(extractor, CONTENT, [(STYLE, 1.0)], s, **given).evaluate(X)
    share = protection.reshape(1, 1, 5, 2, 6, 2).mean((3, 5))  # of the pixels of each position of conv2_1
    seen = torch.ones_like(share) if visible is None else visible.reshape(1, 1, 5, 2, 6, 2).mean((3, 5))
    seen = seen / seen.mean()
    target = extractor(CONTENT)["conv2_1"]
    squares = ((extractor(X)["conv2_1"] - target).square() * seen * (1 + 8 * share)).sum()
    divisor = {"relative": (target.square() * seen).sum(), "paper": 2, "mean": target.numel()}[kind]
    torch.testing.assert_close(found.parts["content"][0], squares / divisor, rtol=1e-9, atol=0)


@pytest.mark.parametrize("visible", [None, picture(7, 1, 1, 10, 12)], ids=["opaque", "alpha"])
def test_the_style_loss_counts_protected_places_less(untrained, visible):
    s = settings_of(style_layers="conv2_1", content_weight=1e-9, protect="mask.png", protect_weight=4)
    extractor, protection = network(untrained, s), picture(8, 1, 1, 10, 12)
    weight = 1 - 0.75 * protection if visible is None else visible * (1 - 0.75 * protection)
    weight = weight.reshape(1, 1, 5, 2, 6, 2).mean((3, 5))  # of the pixels of each position
    f, p = extractor(X)["conv2_1"], extractor(STYLE)["conv2_1"]
    gram = torch.einsum("bchw,bdhw,bxhw->cd", f, f, weight) / weight.sum()
    target = torch.einsum("bchw,bdhw->cd", p, p) / (p.shape[2] * p.shape[3])
    expected = (gram - target).square().sum() / target.square().sum()
    given = {"visible": visible, "protection": protection}
    found = Objective(extractor, CONTENT, [(STYLE, 1.0)], s, **given).evaluate(X)
    torch.testing.assert_close(found.parts["style"][0], expected, rtol=1e-9, atol=0)
    regions = (torch.ones(1, 1, 10, 12) if visible is None else visible).double()
    regioned = Objective(extractor, CONTENT, [(STYLE, 1.0)], s, regions=regions, **given).evaluate(X)
    torch.testing.assert_close(regioned.total, found.total)


def test_the_gradient_with_protection_by_finite_differences(untrained):
    s = settings_of(pooling="average", protect="mask.png", protect_weight=50)
    given = {"visible": picture(7, 1, 1, 10, 12), "protection": picture(8, 1, 1, 10, 12)}
    objective = Objective(network(untrained, s), CONTENT, [(STYLE, 1.0)], s, **given)
    gradient = objective.evaluate(X).gradient
    for seed in range(3):
        direction = picture(20 + seed, *X.shape) - 0.5
        h = 1e-6
        up, down = (objective.evaluate(X + sign * h * direction).total.item() for sign in (1, -1))
        assert (gradient * direction).sum().item() == pytest.approx((up - down) / (2 * h), rel=1e-4)


def test_the_rest_of_a_protected_picture_keeps_its_pull(untrained):
    """Beyond the receptive field of what is protected, the gradient is that without protection."""
    s = settings_of(style_weight=0, protect="mask.png", protect_weight=30)
    content, x = picture(5, 1, 3, 10, 40), picture(6, 1, 3, 10, 40)
    extractor = network(untrained, s)
    plain = Objective(extractor, content, [(STYLE, 1.0)], s).evaluate(x)
    kept = Objective(extractor, content, [(STYLE, 1.0)], s, protection=half_seen()).evaluate(x)
    torch.testing.assert_close(kept.gradient[..., 20:], plain.gradient[..., 20:])
    torch.testing.assert_close(kept.gradient[..., :2], 30 * plain.gradient[..., :2])


@pytest.mark.parametrize("kind", ["relative", "paper", "mean", "sum"])
def test_a_wholly_visible_picture_is_a_picture_without_alpha(untrained, kind):
    s = settings_of(normalization=kind)
    extractor, everything = network(untrained, s), torch.ones(1, 1, 10, 12, dtype=torch.float64)
    plain = Objective(extractor, CONTENT, [(STYLE, 1.0)], s).evaluate(X)
    seen = Objective(extractor, CONTENT, [(STYLE, 1.0)], s, visible=everything).evaluate(X)
    torch.testing.assert_close(seen.total, plain.total)
    torch.testing.assert_close(seen.gradient, plain.gradient)


def test_normalized_gradients_have_the_size_of_their_layers_weight(untrained):
    s = settings_of(optimizer="adam", normalize_gradients="yes", content_weight=0, style_weight=3)
    extractor = network(untrained, s)
    even = Objective(extractor, CONTENT, [(STYLE, 1.0)], s)
    plain = Objective(extractor, CONTENT, [(STYLE, 1.0)], settings_of(content_weight=0, style_weight=3))
    x = X.clone().requires_grad_(True)
    features = extractor(x)
    expected = torch.zeros_like(x)
    for layer, share in (("conv1_1", 0.5 / 2.5), ("conv2_1", 2 / 2.5)):
        found = plain.style_loss.statistics(extractor, layer, features[layer])
        loss = plain.style_distance(layer, [found], features[layer][0, 0].numel())
        (entering,) = torch.autograd.grad(loss, features[layer], retain_graph=True)
        entering = entering / entering.abs().sum() * 3 * share
        expected += torch.autograd.grad(features[layer], x, entering, retain_graph=True)[0]
    found = even.evaluate(X)
    torch.testing.assert_close(found.gradient, expected, rtol=1e-5, atol=1e-10)
    torch.testing.assert_close(found.total, plain.evaluate(X).total)
    both = even.evaluate(torch.cat([CONTENT, X]))  # each image's gradient has a size of its own
    torch.testing.assert_close(both.gradient[1:], found.gradient)
