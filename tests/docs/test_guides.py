"""The code of guides that a reader would put into the package works."""

from __future__ import annotations

from pathlib import Path

import pytest

import nst
from blocks import ROOT, blocks_of
from nst.settings import STYLE_LOSSES, StyleLossEntry


def test_the_style_loss_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/how-to/add-a-loss.md").read_text("utf-8")
    [module] = [block.code for block in blocks_of(page) if block.title == "nst/losses/means.py"]
    (tmp_path / "means_of_the_guide.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    assert 'StyleLossEntry("nst.losses.means:Means")' in page
    monkeypatch.setitem(STYLE_LOSSES, "means", StyleLossEntry("means_of_the_guide:Means"))
    pair = (ROOT / "data/content/lake.jpg", ROOT / "data/style/wave.jpg")
    image = nst.stylize(*pair, network="lite", size=48, iterations=12, style_loss="means", device="cpu")
    assert image.losses["style"] < image.history[0]["style"] / 2
