"""The package as a wheel installs it, in an environment and a folder without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from nst.grid import shipped
from user_folder import REPOSITORY


def build(source: Path, target: str, folder: Path) -> Path:
    """Build a wheel or an sdist of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from the sdist: both are complete then."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    with tarfile.open(build(REPOSITORY, "sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        archive.extractall(source, filter="data")
    [unpacked] = source.iterdir()
    return build(unpacked, "wheel", place)


class Installation:
    """A virtual environment with the wheel, which finds its dependencies in that of the tests."""

    def __init__(self, folder: Path, wheel: Path):
        venv.create(folder, with_pip=False, symlinks=True)
        self.bin = folder / "bin"
        [packages] = folder.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        uv = [shutil.which("uv") or "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
        subprocess.run([*uv, "--python", str(self.bin / "python"), str(wheel)], check=True, capture_output=True)
        # As a terminal has it in which this environment is active
        self.environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self.environment |= {"PATH": f"{self.bin}:/usr/bin:/bin", "PYTHONWARNINGS": "ignore"}

    def __call__(self, folder: Path, *command: str, status: int = 0) -> str:
        """Run a command in a folder; what it printed."""
        run = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == status, run.stdout + run.stderr
        return run.stdout + run.stderr


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("environment"), wheel)


def test_the_wheel_has_what_the_repository_has(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} - {f"nst_grid-{_version()}.dist-info"} == {
        "nst",
        "snakemake_logger_plugin_nst",
    }
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for path in tracked.splitlines():
        if path.startswith(("nst/", "snakemake_logger_plugin_nst/")):
            assert path in names
        elif path.startswith(("workflow/", "data/content/", "data/style/", "profiles/default/")):
            assert f"nst/shipped/{path}" in names
    assert "nst/shipped/profiles/slurm/nst.yaml" in names


def _version() -> str:
    from nst import __version__

    return __version__


def test_an_image_is_stylized(installed, tmp_path):
    found = installed(tmp_path, "python", "-c", "from nst.grid.shipped import folder; print(folder())").strip()
    assert found.endswith("site-packages/nst/shipped")
    data = shipped.folder() / "data"
    files = [str(data / "content/lake.jpg"), str(data / "style/wave.jpg")]
    small = ["--network", "lite", "--size", "32", "--iterations", "2"]
    installed(tmp_path, "nst", "stylize", *files, "-o", "out.png", *small)
    with Image.open(tmp_path / "out.png") as image:
        assert max(image.size) == 32


def test_a_new_grid_is_listed_and_run(installed, tmp_path):
    installed(tmp_path, "nst", "init", "mine")
    place = tmp_path / "mine"
    config = place / "config/config.yaml"
    text = config.read_text().replace("size: 512", "size: 32").replace("iterations: 300", "iterations: 2")
    config.write_text(text.replace("settings:", "settings:\n  network: lite"))
    (place / "config/manifest.csv").write_text("content,style\nphotos/lake.jpg,paintings/*\n")
    assert installed(place, "nst", "grid").endswith("run       nst run\n")
    told = installed(place, "nst", "run", "--cores", "2")
    assert "\nimages    2 stylized\n" in told
    gallery = place / "results/gallery/index.html"
    assert gallery.as_uri() in told
    assert gallery.is_file()
    # The folder's own Snakefile does the same, and `--` passes options on
    for command in (["python", "-m", "snakemake", "--cores", "2"], ["nst", "run"]):
        told = installed(place, *command)
        assert "Nothing to be done" in told
        assert "\nimages    2 up to date\n" in told
        assert gallery.as_uri() in told
    assert "images" not in installed(place, "nst", "run", "--", "--dry-run")
    (place / "config/manifest.csv").write_text("content,style\nphotos/lake.jpg,paintings/none.jpg\n")
    assert "config/manifest.csv:2: style: " in installed(place, "nst", "run", status=1)
