"""`mean(works/*)` as the STYLE of commands and of the Python functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nst
from nst.cli import main
from nst.errors import NstError
from nst.images import read_metadata, read_picture, write_picture
from nst.pair.job import output_name

SMALL: dict[str, Any] = {"network": "lite", "size": 32, "iterations": 2, "device": "cpu", "threads": 1}
FLAGS = ["--network", "lite", "--size", "32", "--iterations", "2", "--device", "cpu", "--threads", "1"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: np.ndarray, stripes: np.ndarray) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture("a.png", scene)
    write_picture("mask.png", np.ones_like(scene))
    Path("works").mkdir()
    for number in range(2):
        write_picture(f"works/{number}.png", np.roll(stripes, 3 * number, axis=1))


def test_the_command_and_the_functions_blend_every_work() -> None:
    assert main(["stylize", "a.png", "mean(works/*.png)", *FLAGS]) == 0
    assert main(["stylize", "a.png", "works/0.png:1", "works/1.png:1", "-o", "blend.png", *FLAGS]) == 0
    record = nst.stylize_files("a.png", "mean(works/*.png)", "function.png", **SMALL)
    memory = nst.stylize("a.png", "mean(works/*.png)", **SMALL)
    images = [read_picture(name).pixels for name in ("a--0+1.png", "blend.png", "function.png")]
    for image in (*images[1:], np.rint(memory.pixels * 255) / 255):
        assert np.allclose(image, images[0], atol=1e-6)
    assert [style["weight"] for style in record["style"]] == [0.5, 0.5]
    assert read_metadata("a--0+1.png")["style"] == read_metadata("function.png")["style"]
    words = ["--content", "a.png", "--style", "mean(works/*)", "--network", "lite", "--device", "cpu"]
    assert main(["evaluate", "a--0+1.png", *words]) == 0


def test_a_content_mask_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = (
        "content_mask: separates up to three single styles, and mean(works/*) is a mean of 2; name single styles "
        "without mean, or leave out the mask"
    )
    assert main(["stylize", "a.png", "mean(works/*)", "--content-mask", "mask.png", *FLAGS]) == 1
    assert capsys.readouterr().err == f"nst: {said.replace('content_mask', '--content-mask')}\n"
    for function in (nst.stylize, nst.stylize_files):
        with pytest.raises(NstError, match=re.escape(said)):
            function("a.png", "mean(works/*)", content_mask="mask.png", **SMALL)
    assert main(["stylize", "a.png", "works/0.png+works/1.png", "--content-mask", "mask.png", *FLAGS]) == 0
    assert main(["stylize", "a.png", "mean(works/0*)", "--content-mask", "mask.png", *FLAGS]) == 0


def test_an_output_of_many_works_has_a_short_name() -> None:
    styles = tuple((f"works/{number}.png", 1 / 60) for number in range(60))
    assert re.fullmatch(r"a--mean-of-60-in-works-[0-9a-f]{6}", output_name("a", styles))


def test_a_glob_outside_a_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "a.png", "works/*.png", *FLAGS]) == 1
    assert capsys.readouterr().err == (
        "nst: works/*.png is a glob where one style is expected; for the mean of its matches write mean(works/*.png)\n"
    )
