"""`nst evaluate`, and the flag --rank-by of the commands that summarize."""

from __future__ import annotations

import json

import pytest

from nst.cli import main
from nst.images import write_picture
from nst.metrics import evaluation
from nst.settings.metrics import METRICS
from synthetic import write_results


@pytest.fixture
def words(tmp_path, monkeypatch, scene, stripes, untrained_folder):
    """A command on small images, with untrained weights."""
    monkeypatch.chdir(tmp_path)
    for name, pixels in {"a.png": scene, "s.png": stripes}.items():
        write_picture(tmp_path / name, pixels)
    weights = ["--weights", str(untrained_folder / "vgg19.pth")]
    return ["evaluate", "a.png", "--content", "a.png", "--style", "s.png", "--device", "cpu", *weights]


def test_every_metric_is_printed(words, capsys):
    assert main(words) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert [name for name in lines if name in METRICS] == list(METRICS)
    assert float(lines["content_error"]) == 0
    assert float(lines["ssim"]) == 1
    assert lines["reference"].startswith("vgg19:")
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["relaxed_emd"] == pytest.approx(float(lines["relaxed_emd"]), abs=1e-4)


def test_a_missing_metric_says_what_it_needs(words, capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "has_plenoptic", lambda: False)
    assert main(words) == 0
    assert "portilla_simoncelli not computed; it needs the package plenoptic\n" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["tables", "gallery"])
def test_a_wrong_ranking_is_one_sentence(command, tmp_path, capsys):
    grid = write_results(tmp_path, ["cat"], ["wave"], {"a": {}})
    assert main([command, str(grid), "-o", str(tmp_path / "out"), "--rank-by", "relaxed_em"]) == 1
    assert capsys.readouterr().err == "nst: --rank-by: 'relaxed_em' is no metric; did you mean relaxed_emd?\n"
    assert not (tmp_path / "out").exists()


def test_a_ranking_may_be_a_mean(tmp_path, capsys):
    grid = write_results(tmp_path, ["cat"], ["wave"], {"a": {}, "b": {"size": 64}})
    words = ["tables", str(grid), "-o", str(tmp_path / "out"), "--rank-by", "mean(ssim,content_error)"]
    assert main(words) == 0
    assert "mean(ssim, content_error)" in (tmp_path / "out/comparison.csv").read_text()
