"""The embedded network."""

import hashlib
from pathlib import Path

import numpy as np

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.metrics import ReferenceNetwork, evaluate
from nst.networks.extractor import FeatureExtractor
from nst.settings import LITE_LAYERS, make

CARD = Path(__file__).parents[3] / "docs/explanation/lite.md"


def test_the_embedded_file_is_small_and_its_hash_is_on_the_model_card():
    path = weights.find("lite")
    assert path.stat().st_size <= 9e6
    assert hashlib.sha256(path.read_bytes()).hexdigest() in CARD.read_text("utf-8")
    state, _, _ = weights.load("lite")
    FeatureExtractor("lite", state, LITE_LAYERS)


def test_lite_lowers_the_style_error_by_vgg19(scene, stripes, trained):
    content, style = (np.kron(p, np.ones((3, 3, 1), np.float32)) for p in (scene, stripes))
    state, _, _ = weights.load("lite")
    settings = make({"network": "lite", "iterations": 40})
    *_, finished = stylize(Transfer(content, [style], settings), state=state, device="cpu")
    by = ReferenceNetwork("vgg19", trained, "0")
    before, after = (evaluate(p, content, [style], by=by, device="cpu").style_error for p in (content, finished.pixels))
    assert after < before / 2
