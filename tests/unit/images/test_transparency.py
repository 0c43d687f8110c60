"""Contents with transparent parts: hidden pixels have no influence on the result and its metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.engine.color import prepared
from nst.engine.stylization import Transfer, stylize
from nst.errors import NstError
from nst.images import read_picture, write_picture
from nst.pair import stylize as pair
from nst.pair.job import Job
from nst.settings import make

SMALL = {"size": 48, "iterations": 6, "content_layers": "conv2_1", "style_layers": "conv1_1", "precision": "fp32"}


@pytest.fixture
def cutout(scene: np.ndarray) -> np.ndarray:
    """Alpha of the scene: 1 in its disc."""
    y, x = np.mgrid[0:40, 0:48]
    return ((x - 20) ** 2 + (y - 22) ** 2 < 170).astype(np.float32)


@pytest.fixture
def job(tmp_path: Path, monkeypatch, scene, stripes, cutout, untrained_folder):
    """A maker of jobs whose content has hidden pixels of one color."""
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    write_picture(tmp_path / "style.png", stripes)

    def make_job(hidden: float, **values) -> Job:
        folder = tmp_path / str(hidden)
        pixels = np.where(cutout[..., None] > 0, scene, np.float32(hidden))
        write_picture(tmp_path / f"{hidden}.png", pixels, alpha=cutout)
        style = ((str(tmp_path / "style.png"), 1.0),)
        return Job(
            str(tmp_path / f"{hidden}.png"), style, make(SMALL | values), folder / "image.png",
            record=folder, device="cpu", threads=1,
        )  # fmt: skip

    return make_job


@pytest.mark.parametrize(
    "values", [{}, {"size": 30}, {"color": "histogram"}, {"color": "luminance"}, {"tile": 32}, {"scales": 2}], ids=str
)
def test_the_hidden_color_changes_nothing(job, values):
    black, white = (pair.stylize_pair(job(hidden, **values)) for hidden in (0.0, 1.0))
    pictures = [read_picture(job(hidden).output) for hidden in (0.0, 1.0)]
    assert np.array_equal(pictures[0].pixels, pictures[1].pixels)
    assert np.array_equal(pictures[0].alpha, pictures[1].alpha)
    assert black["losses"] == white["losses"]
    assert black["metrics"] == white["metrics"]


def test_hidden_pixels_are_not_black_and_frames_are_on_white(job, cutout):
    it = job(0.0, frame_interval=2, size=48)
    pair.stylize_pair(it)
    found = read_picture(it.output)
    assert found.pixels[cutout == 0].mean() > 0.2
    frame = np.asarray(Image.open(sorted((it.record / "snapshots/frames").glob("*.jpg"))[-1]))
    assert frame[:3].min() > 240


def test_a_content_mask_applies_to_visible_pixels_only(scene, stripes, cutout, untrained):
    """A mask that is bright on both sides of the alpha's edge is equal to one that is bright inside."""
    everywhere = np.ones((*scene.shape[:2], 3), np.float32)
    masked = make({**SMALL, "content_mask": "mask.png"})
    common = {"state": untrained, "device": "cpu"}
    *_, alone = stylize(Transfer(scene, [stripes], make(SMALL), alpha=cutout), **common)
    *_, both = stylize(Transfer(scene, [stripes], masked, content_mask=everywhere, alpha=cutout), **common)
    np.testing.assert_allclose(both.pixels, alone.pixels, atol=1e-4)


def test_nothing_visible_is_one_message(scene, stripes, cutout, untrained):
    common = {"state": untrained, "device": "cpu"}
    with pytest.raises(NstError, match="fully transparent"):
        next(stylize(Transfer(scene, [stripes], make(SMALL), alpha=np.zeros_like(cutout)), **common))
    outside = np.repeat(1 - cutout[..., None], 3, 2)
    transfer = Transfer(scene, [stripes], make({**SMALL, "content_mask": "m"}), content_mask=outside, alpha=cutout)
    with pytest.raises(NstError, match="content_mask: is bright only where the content is transparent"):
        next(stylize(transfer, **common))


def test_a_transparent_content_is_not_batched(scene, stripes, cutout):
    transfer = Transfer(scene, [stripes], make({**SMALL, "deterministic": "no"}))
    assert transfer.kind is not None
    assert replace(transfer, alpha=cutout).kind is None


@pytest.mark.parametrize("color", ["histogram", "luminance"])
def test_only_visible_pixels_count_in_the_contents_colors(scene, stripes, cutout, color):
    other = np.where(cutout[..., None] > 0, scene, np.float32(0))
    found = [prepared(content, [stripes], color, cutout)[1][0] for content in (scene, other)]
    assert np.array_equal(*found)
