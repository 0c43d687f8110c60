"""The benchmarks run: a figure of the documents must not rest on a script that no longer works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
CONTENT, STYLE = "data/content/lake.jpg", "data/style/swirls.jpg"
ONE_PAIR = ["--contents", CONTENT, "--styles", STYLE]
SMALL = {
    "engine.py": ["--size", "32", "--iterations", "2"],
    "busy.py": ["--networks", "lite", "--size", "32", "--seconds", "0.1", "--rounds", "1"],
    "batching.py": ["--size", "32", "--iterations", "2", "--at-once", "1", "2"],
    "throughput.py": ["--pairs", "2", "--size", "32", "--iterations", "1", "--cores", "1", "--network", "vgg19"],
    "convergence.py": [*ONE_PAIR, "--size", "32", "--iterations", "2"],
    "stages.py": ["--pairs", "2", "--size", "32", "--iterations", "2", "--milliseconds", "1"],
    "optimizers.py": [CONTENT, "--styles", STYLE, "--size", "32", "--iterations", "2"],
    "precision.py": [CONTENT, "--styles", STYLE, "--size", "32", "--iterations", "2"],
    "peers.py": [*ONE_PAIR, "--size", "32", "--iterations", "2", "--also", "2", "--work", "WORK"],
    "defaults.py": [*ONE_PAIR, "--size", "32", "--iterations", "2", "--candidates", "start", "--work", "WORK"],
    "large.py": ["--compare", "64", "--tile", "32", "--iterations", "1", "--work", "WORK"],
    "lite.py": [*ONE_PAIR, "--sizes", "32", "--iterations", "2", "--work", "WORK"],
}


@pytest.mark.parametrize("script", SMALL)
def test_runs_small(script: str, untrained_folder: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path) if word == "WORK" else word for word in SMALL[script]]
    assert run(script, *arguments, NST_WEIGHTS_DIR=str(untrained_folder))


def test_every_script_can_be_imported() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    subprocess.run([sys.executable, "-c", f"import {', '.join(names)}"], check=True, cwd=FOLDER)


def test_the_star_agrees_with_what_was_picked() -> None:
    found = run("star.py")
    assert found["sweeps"] >= 12
    assert found["star"]["pick or neighbor"] >= 11 / 12 * found["sweeps"]
    assert found["star"]["pick"] > found["sum"]["pick"]


def run(script: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """The figures that a benchmark prints."""
    printed = output(script, *arguments, **environment)
    return json.loads(printed[printed.index("{\n") :])


def output(script: str, *arguments: str, **environment: str) -> str:
    """What a benchmark prints."""
    answer = subprocess.run(
        [sys.executable, FOLDER / script, *arguments],
        capture_output=True, text=True, check=False, cwd=FOLDER.parents[1], env=os.environ | environment,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_measurement_of_the_whole_machine_can_be_limited_and_continued(tmp_path: Path) -> None:
    (tmp_path / "engine-0.json").write_text('{"speed_ratio": 2}')
    (tmp_path / "iteration-0.json").write_text("[]")
    printed = output("performance.py", "--work", str(tmp_path), "--within", "0")
    assert "not measured within 0 minutes: from " in printed
    assert json.loads((tmp_path / "performance.json").read_text()).keys() <= {"engine", "iteration"}


def test_an_iteration_is_taken_apart(untrained_folder: Path) -> None:
    printed = output("iteration.py", "--sizes", "32", "--kernels", "2", NST_WEIGHTS_DIR=str(untrained_folder))
    figures, *kernels = printed.splitlines()
    assert json.loads(figures)["iteration_ms"] > 0
    assert len(kernels) == 2


def test_metrics_are_correlated(tmp_path: Path) -> None:
    candidates = ["lite", "lite, weight 2", "lite, from noise"]
    words = [*ONE_PAIR, "--size", "32", "--work", str(tmp_path), "--candidates", *candidates]
    printed = output("metrics_correlation.py", *words)
    assert "3 images of 1 pairs" in printed
    assert (tmp_path / "disagreements.jpg").stat().st_size > 1000
    again = output("metrics_correlation.py", *words)
    assert again == printed[printed.index("\n3 images") :]  # nothing is stylized again
    rows = [line.split() for line in again.splitlines() if line.startswith(("style_error", "relaxed_emd"))]
    assert [float(row[1]) for row in rows[:1]] == [1]


def test_grain_tells_noise_from_stylize(untrained_folder: Path, tmp_path: Path) -> None:
    """Its table has the images and the candidates; from strong noise there is more grain than from the content."""
    small = ["--size", "48", "--iterations", "2", "--candidates", "noise", "content", "--work", str(tmp_path)]
    printed = output("grain.py", *ONE_PAIR, *small, NST_WEIGHTS_DIR=str(untrained_folder))
    found = {line.split()[0]: float(line.split()[1]) for line in printed.splitlines()}
    assert list(found) == ["lake", "swirls", "noise", "content"]
    assert found["noise"] > 1.5 * found["content"]
