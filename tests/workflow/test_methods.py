"""The presets of other methods, through the whole workflow: images, metrics, a sheet, and the gallery."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

from nst.images import write_picture
from nst.settings.metrics import METRICS
from user_folder import UserFolder, snakemake

PRESETS = ("nnst", "strotss", "large", "photo")


def test_the_presets_are_painted_measured_and_compared(
    tmp_path: Path, scene: np.ndarray, stripes: np.ndarray, untrained_folder: Path
) -> None:
    user = UserFolder(tmp_path, NST_WEIGHTS_DIR=str(untrained_folder), PYTHONWARNINGS="ignore")
    write_picture(tmp_path / "scene.png", scene)
    write_picture(tmp_path / "stripes.png", stripes)
    user.write(
        "config/manifest.csv", f"content,style,preset,size,iterations\nscene.png,stripes.png,{'|'.join(PRESETS)},72,6\n"
    )
    user.write("config/config.yaml", "device: cpu\nbundle: 60\n")  # loads the network once
    run = subprocess.run(
        snakemake("--cores", "2"),
        cwd=tmp_path, env=user.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    table = pd.read_csv(tmp_path / "results/tables/comparison.csv").set_index("preset")
    assert set(table.index) == set(PRESETS)
    measured = [name for name in METRICS if name != "portilla_simoncelli"]  # which the extra `metrics` installs
    assert np.isfinite(table[measured]).all(axis=None)
    for preset, image in table["image"].items():
        record = json.loads((tmp_path / image).with_name("run.json").read_text())
        assert record["settings"]["preset"] == preset
    assert len(list((tmp_path / "results/sheets/sweeps").glob("*.png"))) == 1
    gallery = "".join(path.read_text() for path in (tmp_path / "results/gallery").glob("*.js"))
    assert all(f'"{preset}"' in gallery for preset in PRESETS)
