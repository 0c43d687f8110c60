"""One style from many works, from the manifest to the gallery, and an image reproduced from its metadata."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nst.images import read_picture, write_picture
from user_folder import UserFolder, snakemake

STYLE = "mean(works/*.png):0.75+bars.png:0.25"
CONFIG = """
settings: {size: 40, iterations: 2, snapshot_interval: 2, content_layers: conv2_1, style_layers: conv1_1+conv2_1,
  precision: fp32}
device: cpu
threads: 1
"""
Run = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path, scene: np.ndarray, stripes: np.ndarray) -> Path:
    write_picture(tmp_path / "scene.png", scene)
    write_picture(tmp_path / "bars.png", stripes.swapaxes(0, 1))
    (tmp_path / "works").mkdir()
    for number in range(9):
        write_picture(tmp_path / f"works/it's {number}.PNG", np.roll(stripes, number, axis=1))
    (tmp_path / "works/notes.txt").write_text("")
    return tmp_path


@pytest.fixture
def run(place: Path, untrained_folder: Path) -> Run:
    user = UserFolder(place, NST_WEIGHTS_DIR=str(untrained_folder), PYTHONWARNINGS="ignore")
    user.write("config/manifest.csv", f"content,style\nscene.png,{STYLE}\n")
    user.write("config/config.yaml", CONFIG)

    def command(*words: str) -> str:
        given = [sys.executable, "-m", "nst", *words] if words[0] != "snakemake" else snakemake(*words[1:])
        done = subprocess.run(given, cwd=place, env=user.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return command


def test_a_mean_from_the_manifest_to_the_gallery(place: Path, run: Run) -> None:
    shown = run("grid")
    assert f"  {STYLE}  (1 pair)" in shown
    assert "works/*.png matches 9 images" not in shown  # nothing was skipped: notes.txt is no match
    run("snakemake", "--cores", "1")
    [pair] = pd.read_csv(place / "results/grid.csv").itertuples()
    assert pair.style_title == STYLE
    assert re.fullmatch(r"mean-of-9-in-works-0.75-bars-0.25-[0-9a-f]{6}", pair.style_name)
    record = json.loads((place / pair.folder / "run.json").read_text())
    assert [(style["path"], style["weight"]) for style in record["style"]] == [
        *((f"works/it's {number}.PNG", pytest.approx(0.75 / 9)) for number in range(9)), ("bars.png", 0.25),
    ]  # fmt: skip
    page = (place / "results/gallery/index.html").read_text()
    assert STYLE in page or STYLE in "".join(path.read_text() for path in (place / "results/gallery").rglob("*.js*"))
    assert len(list((place / "results/sheets/snapshots").rglob("*.png"))) == 1

    def planned() -> str:
        return run("snakemake", "--cores", "1", "--dry-run", "--quiet", "rules")

    assert "stylize" not in planned()
    (place / "works/moved").mkdir()
    for path in list((place / "works").glob("*.PNG")):
        (place / "works/moved" / path.name).write_bytes(path.read_bytes())
    (place / "works/it's 9.png").write_bytes((place / "bars.png").read_bytes())
    assert re.search(r"^stylize +1$", planned(), re.MULTILINE)
    assert "1 image that no row of the manifest asks for" in run("grid")
    for path in (place / "works").glob("*.PNG"):
        path.unlink()
    moved = ("--style", "mean(works/moved/*)", "--style", "bars.png")
    run("reproduce", pair.image, "-o", "again.png", "--device", "cpu", "--threads", "1", *moved)
    assert np.array_equal(read_picture(place / "again.png").pixels, read_picture(place / pair.image).pixels)
