"""`protect`: a mask or the faces that are found keep the content there, from files to files."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

import nst
from nst.engine.stylization import Transfer, prepared, stylize
from nst.errors import NstError
from nst.images import faces, read_picture, write_picture
from nst.pair import protection
from nst.pair import stylize as pair
from nst.pair.job import read_inputs, transfer_of
from nst.settings import make
from nst.settings.scales import plan

PORTRAIT = Path(__file__).parents[3] / "data/content/portrait.jpg"


@pytest.fixture
def mask(tmp_path):
    """Bright on the right half of the content, (40, 48)."""
    bright = np.zeros((40, 48, 3), np.float32)
    bright[:, 24:] = 1
    write_picture(tmp_path / "mask.png", bright)
    return str(tmp_path / "mask.png")


@pytest.mark.parametrize(
    "values", [{}, {"tile": 32}, {"scales": 2}, {"color": "luminance"}, {"style_loss": "sliced"}], ids=str
)
def test_a_mask_keeps_the_content_there(job, mask, scene, values):
    def changed(name, **more):
        record = pair.stylize_pair(job(name, size=0, style_weight=50, iterations=25, **values, **more))
        return record, np.abs(read_picture(job(name).output).pixels - scene).mean((0, 2))

    (_, plain), (record, kept) = changed("plain"), changed("kept", protect=mask, protect_weight=100)
    assert kept[30:].mean() < 0.5 * plain[30:].mean()
    assert kept[:18].mean() > 0.8 * plain[:18].mean()
    assert [each["sha256"] for each in record["pictures"]] == [hashlib.sha256(Path(mask).read_bytes()).hexdigest()]
    assert record["faces"] is None


def test_a_protected_picture_is_in_no_batch(scene, stripes):
    settings = make({"deterministic": "no", "protect": "faces"})
    assert Transfer(scene, [stripes], settings).kind is not None  # no face was found
    assert Transfer(scene, [stripes], settings, protection=scene[..., 0]).kind is None


def test_the_map_has_the_size_of_each_scale(scene, stripes, untrained):
    settings = make({"protect": "m.png", "scales": 2, "content_layers": "conv2_1", "style_layers": "conv1_1"})
    transfer = Transfer(scene, [stripes], settings, protection=np.kron(scene[..., 0], np.ones((2, 2), np.float32)))
    level = prepared(transfer, untrained, "cpu")
    assert level.protection.shape == (40, 48)
    assert level.at(plan(settings, 48)[0]).protection.shape == (28, 34)


def test_a_mask_that_is_missing_or_black_is_named(scene, stripes, untrained):
    settings = make({"protect": "m.png", "content_layers": "conv2_1", "style_layers": "conv1_1"})
    for protected, message in ((None, "protect: the image is missing"), (scene[..., 0] * 0, "protect: .* is black")):
        with pytest.raises(NstError, match=message):
            next(stylize(Transfer(scene, [stripes], settings, protection=protected), state=untrained, device="cpu"))


def test_a_mask_of_another_shape_is_named(job, tmp_path):
    write_picture(tmp_path / "wide.png", np.ones((10, 40, 3), np.float32))
    with pytest.raises(NstError, match=r"^protect: .*wide.png is 40×10 px, but .*scene.png is 48×40 px"):
        pair.stylize_pair(job("a", protect=str(tmp_path / "wide.png")))


def test_without_opencv_nothing_is_started(job, monkeypatch):
    monkeypatch.setattr(faces, "find_spec", lambda name: None)
    with pytest.raises(NstError, match=r"^protect: faces requires OpenCV; run `pip install "):
        pair.stylize_pair(job("a", protect="faces"))


def test_faces_of_a_file_are_kept(job):
    it = dataclasses.replace(job("a", protect="faces", size=64, iterations=1, fit="square"), content=str(PORTRAIT))
    transfer = transfer_of(it, read_inputs(it))
    assert transfer.protection.shape == (64, 64)
    assert transfer.protection[26, 26] == 1
    assert transfer.protection[:, -4:].max() == transfer.protection[-10:].max() == 0
    assert pair.stylize_pair(it)["faces"] == 1


def test_a_picture_without_faces_is_stylized_with_a_warning(job, caplog):
    record = pair.stylize_pair(job("a", protect="faces"))
    warning = f"protect: no face was found in {job('a').content}; nothing is protected"
    assert record["faces"] == 0
    assert warning in record["warnings"]
    assert warning in caplog.text
    pair.stylize_pair(job("b"))
    assert job("a").output.stat().st_size > 0
    np.testing.assert_array_equal(*(read_picture(job(name).output).pixels for name in "ab"))


def test_faces_are_searched_at_one_size(job, monkeypatch):
    searched = []
    monkeypatch.setattr(faces, "find", lambda pixels: searched.append(pixels.shape) or [faces.Face(0.5, 0.5, 0.2, 0.2)])
    for size in (20, 40):
        it = job("a", protect="faces", size=size)
        assert read_inputs(it).protection.map.shape == (round(size * 40 / 48), size)
    monkeypatch.setattr(faces, "SEARCH_SIDE", 24)
    assert isinstance(read_inputs(it).protection, protection.Protection)
    assert searched == [(40, 48, 3), (40, 48, 3), (20, 24, 3)]


def test_in_memory(scene, stripes, untrained_folder, monkeypatch):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    how = {"size": 40, "iterations": 2, "content_layers": "conv2_1", "style_layers": "conv1_1", "device": "cpu"}
    kept = nst.stylize(scene, stripes, protect=np.ones(scene.shape[:2]), protect_weight=1e4, **how)
    assert kept.metadata["settings"]["protect"] == "<protect>"
    assert np.abs(kept.pixels - nst.stylize(scene, stripes, **how).pixels).max() > 0.01
