"""`photo_weight` with the other settings: the result is closer to an affine function of the content's colors."""

import numpy as np
import pytest
import torch

from nst.engine.stylization import Transfer, stylize, stylize_batch
from nst.losses.matting import photo_loss, windows
from nst.settings import make

SHALLOW = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "iterations": 12, "precision": "fp32"}


def distance(pixels, content, alpha=None):
    x, target = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (pixels, content))
    visible = None if alpha is None else torch.from_numpy(alpha)[None, None]
    return photo_loss(x, windows(target, visible), "relative").item()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"scales": 3},
        {"color": "luminance"},
        {"color": "histogram"},
        {"tile": 16},
        {"optimizer": "adam", "ema_decay": 0.5},
        {"optimizer": "adam", "normalize_gradients": "yes"},
        {"parameters": "network", "optimizer": "adam"},
        {"content_mask": "mask"},
        {"alpha": "half"},
        {"style_loss": "wasserstein"},
    ],
    ids=str,
)
def test_it_keeps_the_result_near_the_contents_colors(scene, stripes, untrained, values):
    values, inputs, alpha = dict(values), {}, None
    if values.pop("alpha", ""):
        alpha = np.ones(scene.shape[:2], np.float32)
        alpha[:, : scene.shape[1] // 2] = 0
        inputs["alpha"] = alpha
    if "content_mask" in values:
        inputs["content_mask"] = np.linspace(0, 1, scene.size, dtype=np.float32).reshape(scene.shape)

    def result(weight):
        settings = make(SHALLOW | values | {"photo_weight": weight})
        *_, end = stylize(Transfer(scene, [stripes], settings, **inputs), state=untrained, device="cpu")
        return end

    plain, photo = result(0), result(1e4)
    assert "photo" not in plain.losses
    assert photo.losses["photo"] >= 0
    assert distance(photo.pixels, scene, alpha) < 0.3 * distance(plain.pixels, scene, alpha)


def test_a_batch_is_its_images(scene, stripes, untrained):
    contents = scene, scene[::-1].copy()
    # One step, because later ones amplify rounding where a maximum pool has nearly equal entries; from noise, because
    # the loss of the content and its gradient are 0.
    few = {"iterations": 2, "init": "noise", "deterministic": "no"}
    settings = make(SHALLOW | {"photo_weight": 100} | few)
    transfers = [Transfer(content, [stripes], settings) for content in contents]
    together = {}
    for index, event in stylize_batch(transfers, state=untrained, device="cpu"):
        together[index] = event
    for index, transfer in enumerate(transfers):
        *_, alone = stylize(transfer, state=untrained, device="cpu")
        assert together[index].losses["photo"] > 0
        np.testing.assert_allclose(together[index].pixels, alone.pixels, atol=1e-6)
