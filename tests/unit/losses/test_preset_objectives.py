"""The presets' objectives against independent implementations of the systems' own code, in torch, float64."""

import pytest
import torch
from torch.nn import functional as F

from nst.losses.objective import Objective
from nst.networks.extractor import FeatureExtractor
from nst.settings import make, presets
from untrained import random_state

BLOCKS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
SHAPE = (1, 3, 35, 42)


def picture(seed):
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sequential(network, state, x, pooling, before_relu):
    """Every convolution's features, counted from 1 as the systems' loops count them."""
    x = (x - torch.tensor([0.485, 0.456, 0.406]).double().view(1, 3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).double().view(1, 3, 1, 1)
    found, index, number = {}, 0, 0
    for block in BLOCKS[network]:
        for _ in range(block):
            x = F.conv2d(x, state[f"features.{index}.weight"].double(), state[f"features.{index}.bias"].double(), 1, 1)
            number, index = number + 1, index + 2
            found[number] = x if before_relu else x.relu()
            x = x.relu()
        x, index = pooling(x, 2), index + 1
    return found


def gram_sum(f):
    flat = f.reshape(f.shape[1], -1)
    return flat @ flat.T


def mse(a, b):
    return ((a - b) ** 2).mean()


def gram_mse(f, a):
    """Gram over C·H·W, mean square: 000, 003, 004."""
    return mse(gram_sum(f) / f.numel(), gram_sum(a) / a.numel())


# VGG-19's convolutions from 1: conv1_1 1, 1_2 2, 2_1 3, 2_2 4, 3_1 5, 4_1 9, 4_2 10, 5_1 13;
# VGG-16's: conv3_1 5, 4_1 8, 4_2 9, 5_1 11.
PAPER = [1, 3, 5, 9, 13]


def artistyle(x, content, style, net):
    fx, fc, fs = (net(p, F.max_pool2d, True) for p in (x, content, style))
    return mse(fx[10], fc[10]) + 1e6 * sum(gram_mse(fx[i], fs[i]) / 5 for i in PAPER)


def artistyle_code(x, content, style, net):
    fx, fc, fs = (net(p, F.max_pool2d, True) for p in (x, content, style))
    return mse(fx[4], fc[4]) + 1e6 * sum(gram_mse(fx[i], fs[i]) / 5 for i in (1, 2, 3, 4, 5))


def tutorial(x, content, style, net):
    fx, fc, fs = (net(p, F.max_pool2d, True) for p in (x, content, style))
    return mse(fx[4], fc[4]) + 1e6 * sum(gram_mse(fx[i], fs[i]) for i in (1, 2, 3, 4, 5))


def paper_avgpool(x, content, style, net):
    fx, fc, fs = (net(p, F.avg_pool2d, False) for p in (x, content, style))
    return mse(fx[10], fc[10]) + 1e6 * sum(gram_mse(fx[i], fs[i]) for i in PAPER)


def vgg16_ratio(x, content, style, net):
    fx, fc, fs = (net(p, F.max_pool2d, False) for p in (x, content, style))
    layers = [
        ((gram_sum(fx[i]) - gram_sum(fs[i])) ** 2).sum() / fx[i].numel() ** 2 for i in (1, 3, 5, 8, 11)
    ]  # fmt: skip
    return 1.0 * mse(fx[9], fc[9]) + sum(layers) / 5


def transformation_network(x, content, style, net):
    fx, fc, fs = (net(p, F.max_pool2d, False) for p in (x, content, style))
    layers = [mse(gram_sum(fx[i]), gram_sum(fs[i])) / fx[i].numel() for i in PAPER]
    weighted = sum(w * layer for w, layer in zip((0.1, 0.2, 0.4, 0.8, 1.6), layers, strict=True))
    return 150 * mse(fx[10], fc[10]) + 15 * weighted


SYSTEMS = {
    "artistyle": ("vgg19", artistyle),
    "artistyle-code": ("vgg19", artistyle_code),
    "tutorial": ("vgg19", tutorial),
    "paper-avgpool": ("vgg19", paper_avgpool),
    "vgg16-ratio": ("vgg16", vgg16_ratio),
    "transformation-network": ("vgg19", transformation_network),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_presets_objective_is_its_systems(name):
    network, system = SYSTEMS[name]
    state = random_state(network)
    settings = make(presets.load(name).values)
    assert settings.network == network
    layers = [*settings.content_layers, *settings.style_layers]
    extractor = FeatureExtractor(network, state, layers, pooling=settings.pooling, layer_output=settings.layer_output)
    extractor.convert(torch.device("cpu"), torch.float64)
    content, style = picture(1), picture(2)
    objective = Objective(extractor, content, [(style, 1.0)], settings)

    def net(p, pooling, before_relu):
        return sequential(network, state, p, pooling, before_relu)

    for seed in (3, 4, 5):
        ours = objective.evaluate(picture(seed))
        x = picture(seed).requires_grad_(True)
        value = system(x, content, style, net)
        (gradient,) = torch.autograd.grad(value, x)
        assert ours.total.item() == pytest.approx(value.item(), rel=1e-6)
        assert ((ours.gradient - gradient).norm() / gradient.norm()).item() < 1e-6
