"""The feature extractor against torchvision's own network, run step by step."""

import pytest
import torch
from torchvision.models.vgg import cfgs, make_layers

from nst.errors import NstError
from nst.losses.functional import gram
from nst.losses.gram import gram_of
from nst.networks.extractor import FeatureExtractor, pool, smallest_side
from nst.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from nst.settings import LITE_LAYERS, convolutions, layer_names
from untrained import random_state

LAYERS = ["conv1_1", "conv1_2", "conv2_2", "conv3_1"]


@pytest.fixture(scope="module")
def picture():
    return torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(2))


def reference(network, state, picture, upto=12):
    """Outputs of torchvision's modules by index, each out of place."""
    modules = make_layers(cfgs[{"vgg19": "E", "vgg16": "D"}[network]])
    modules.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    x = (picture - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    outputs = []
    with torch.no_grad():
        for module in modules[:upto]:
            x = torch.relu(x) if isinstance(module, torch.nn.ReLU) else module(x)
            outputs.append(x)
    return outputs


# Indices of torchvision's `features` for the layers above: the convolution; its ReLU is the next.
INDEX = {"conv1_1": 0, "conv1_2": 2, "conv2_2": 7, "conv3_1": 10}


@pytest.mark.parametrize("layer_output", ["relu", "conv"])
def test_features_are_torchvisions(untrained, picture, layer_output):
    features = FeatureExtractor("vgg19", untrained, LAYERS, layer_output=layer_output)(picture)
    outputs = reference("vgg19", untrained, picture)
    assert set(features) == set(LAYERS)
    for layer, index in INDEX.items():
        torch.testing.assert_close(features[layer], outputs[index + (layer_output == "relu")], rtol=1e-4, atol=1e-5)
        assert (layer_output == "relu") == bool((features[layer] >= 0).all())


@pytest.mark.parametrize("layers", [["conv1_1", "conv3_1"], ["conv1_2", "conv3_1"]])
def test_the_relu_after_the_maximum_changes_nothing(untrained, picture, layers):
    network = FeatureExtractor("vgg19", untrained, layers)
    relu_after_pool = network.relu_after_pool
    assert relu_after_pool == {"conv1_2", "conv2_2"} - set(layers)
    found = []
    for network.relu_after_pool in (relu_after_pool, frozenset()):
        x = picture.clone().requires_grad_(True)
        features = network(x)
        (gradient,) = torch.autograd.grad(sum(f.square().sum() for f in features.values()), x)
        found.append([*features.values(), gradient])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert not FeatureExtractor("vgg19", untrained, layers, pooling="average").relu_after_pool


def test_vgg16_has_its_own_depths(picture):
    state = random_state("vgg16")
    features = FeatureExtractor("vgg16", state, ["conv3_3", "conv4_1"])(picture)
    outputs = reference("vgg16", state, picture, upto=19)
    torch.testing.assert_close(features["conv3_3"], outputs[15], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features["conv4_1"], outputs[18], rtol=1e-4, atol=1e-5)
    assert "conv3_4" not in layer_names("vgg16")


def test_the_network_ends_at_the_deepest_layer_used(untrained):
    network = FeatureExtractor("vgg19", untrained, ["conv2_1"])
    assert [type(step).__name__ for step in network.steps] == [
        "Conv2d",
        "ReLU",
        "Conv2d",
        "ReLU",
        "MaxPool2d",
        "Conv2d",
        "ReLU",
    ]
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_pooling_of_known_squares():
    x = torch.tensor([[[[1.0, 3.0], [2.0, 4.0]]]])
    assert pool(x, "max").item() == 4
    assert pool(x, "average").item() == 2.5
    assert pool(x, "l2").item() == pytest.approx((30 / 4) ** 0.5)
    flat = torch.zeros(1, 1, 2, 2, requires_grad=True)
    pool(flat, "l2").sum().backward()
    assert flat.grad.isfinite().all()


def test_replicate_padding_keeps_a_flat_picture_flat(untrained):
    flat = torch.full((1, 3, 8, 8), 0.8)
    edge = {
        p: FeatureExtractor("vgg19", untrained, ["conv1_1"], padding=p)(flat)["conv1_1"] for p in ("zeros", "replicate")
    }
    range_of = {p: (t - t[:, :, 4:5, 4:5]).abs().max().item() for p, t in edge.items()}
    assert range_of["replicate"] < 1e-5 < range_of["zeros"]


def test_bf16_channels_last_is_close(untrained, picture):
    exact = FeatureExtractor("vgg19", untrained, LAYERS)(picture)
    network = FeatureExtractor("vgg19", untrained, LAYERS).convert(torch.device("cpu"), torch.bfloat16)
    for layer, features in network(picture).items():
        assert features.dtype == torch.bfloat16
        assert features.is_contiguous(memory_format=torch.channels_last)
        assert ((features.float() - exact[layer]).norm() / exact[layer].norm()) < 0.02


def test_weights_that_do_not_fit_are_named(untrained):
    with pytest.raises(NstError, match=r"lack features\.2\.weight"):
        FeatureExtractor("vgg19", {k: v for k, v in untrained.items() if k != "features.2.weight"}, ["conv1_2"])
    with pytest.raises(NstError, match=r"features\.0\.bias has shape \(3,\); vgg19 needs \(64,\)"):
        FeatureExtractor("vgg19", untrained | {"features.0.bias": torch.zeros(3)}, ["conv1_1"])


def test_smallest_side_leaves_one_entry(untrained):
    layers = ["conv1_1", "conv3_1"]
    side = smallest_side(layers)
    assert side == 4
    network = FeatureExtractor("vgg19", untrained, layers)
    assert network(torch.rand(1, 3, side, side))["conv3_1"].shape == (1, 256, 1, 1)
    with pytest.raises(RuntimeError):
        network(torch.rand(1, 3, side - 1, side - 1))


@pytest.mark.parametrize("network", ["vgg19", "vgg16"])
def test_channels_are_torchvisions(network):
    modules = make_layers(cfgs[{"vgg19": "E", "vgg16": "D"}[network]])
    widths = [module.out_channels for module in modules if isinstance(module, torch.nn.Conv2d)]
    assert list(convolutions(network).values()) == widths


@pytest.mark.parametrize("side", [20, 320])  # fewer pixels than channels deep down, and more everywhere
def test_lites_gram_is_that_of_its_projected_features(side):
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3))
    network = FeatureExtractor("lite", random_state("lite"), LITE_LAYERS).convert(torch.device("cpu"), torch.float64)
    for layer, features in network(picture.double()).items():
        projected = network.project(layer, features)
        expected = torch.einsum("oc,bchw->bohw", network.maps[layer].double(), features)
        torch.testing.assert_close(projected, expected)
        torch.testing.assert_close(gram_of(network, layer, features), gram(expected))


def test_projection_does_not_change_vggs_features(untrained, picture):
    network = FeatureExtractor("vgg19", untrained, ["conv1_1"])
    features = network(picture)["conv1_1"]
    assert network.project("conv1_1", features) is features


def test_lite_has_fewer_layers():
    assert layer_names("lite") == LITE_LAYERS
    state = random_state("lite")
    del state["maps.conv2_1"]
    with pytest.raises(NstError, match=r"lack maps\.conv2_1"):
        FeatureExtractor("lite", state, LITE_LAYERS)
