"""The spinning of OpenMP's threads is limited before torch is imported, in all processes, unless the user sets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nst.grid.bundles import bundled
from nst.grid.config import load_config
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid
from nst.images import write_picture
from nst.machine.openmp import SPINNING

VARIABLES = (*SPINNING, "OMP_WAIT_POLICY")
#: Replaces torch: stores the variables that torch's OpenMP would read, and fails on import.
SPY = f"""
import json, os, sys
with open(os.environ["SEEN"], "a") as file:
    found = {{name: os.environ[name] for name in {VARIABLES} if name in os.environ}}
    print(json.dumps([sys.argv[1:2], found]), file=file)
raise ImportError("a spy")
"""
STYLIZE = ["-m", "nst", "stylize", "scene.png", "stripes.png", "-o", "out.png", "--device", "cpu"]


@pytest.fixture
def seen(tmp_path, monkeypatch, scene, stripes):
    """Runs Python in a folder with two images: the command and the environment of each process that imports torch."""
    monkeypatch.chdir(tmp_path)
    write_picture("scene.png", scene)
    write_picture("stripes.png", stripes)
    Path("spy").mkdir()
    Path("spy/torch.py").write_text(SPY)

    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as private:  # a socket's path is short

        def run(arguments: list[str], given: dict[str, str]) -> list[list]:
            path = os.pathsep.join([str(tmp_path / "spy"), str(Path(__file__).parents[3])])
            clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
            environment = clean | {"PYTHONPATH": path, "SEEN": str(tmp_path / "seen"), "TMPDIR": private} | given
            subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
            return [json.loads(line) for line in Path("seen").read_text().splitlines()]

        yield run


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, SPINNING),
        ({"GOMP_SPINCOUNT": "7"}, SPINNING | {"GOMP_SPINCOUNT": "7"}),
        ({"KMP_BLOCKTIME": "0"}, SPINNING | {"KMP_BLOCKTIME": "0"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
)
def test_the_library_limits_what_the_user_has_not_set(seen, given, expected):
    assert seen(["-c", "import nst.engine.stylization"], given) == [[[], expected]]


def test_so_does_the_command(seen):
    assert seen(STYLIZE, {"NST_WORKER": "no", "GOMP_SPINCOUNT": "7"})[0] == [
        ["stylize"],
        SPINNING | {"GOMP_SPINCOUNT": "7"},
    ]


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "PASSIVE"}])
def test_workers_of_a_bundle_inherit_it(seen, given):
    Path("manifest.csv").write_text("content,style\nscene.png,stripes.png\n")
    Path("config.yaml").write_text("bundle: 600\ndevice: cpu\n")
    config = load_config("config.yaml")
    [bundle] = bundled(read_grid("manifest.csv", config), config, Files())
    job = ["-m", "nst", "bundle", "manifest.csv", bundle.name, "--config", "config.yaml", "-o", "done.json"]
    found = seen([*job, "--work", "work", "--logs", "logs", "--device", "cpu"], given)
    assert [["worker"], given or SPINNING] in found
