"""The commands that make pictures, as a person types them: what they refuse, write and report."""

from __future__ import annotations

import numpy as np
import pytest
from nst.cli import main
from nst.images import write_picture

SMALL = ["--size", "32", "--iterations", "2", "--content-layers", "conv1_1", "--style-layers", "conv1_1"]
SMALL += ["--precision", "fp32", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def here(tmp_path, monkeypatch, scene, stripes, untrained_folder):
    """A working folder with a content and two styles."""
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    monkeypatch.chdir(tmp_path)
    for name, pixels in {"a.png": scene, "s.png": stripes, "t.png": np.ascontiguousarray(stripes[::-1])}.items():
        write_picture(tmp_path / name, pixels)
    return tmp_path


def run(capsys, *words):
    """(exit status, stdout, stderr) of a command."""
    status = main([str(word) for word in words])
    return status, *capsys.readouterr()


PRESET = "the preset transformation-network has"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--average 0.9", ["--average requires --optimizer adam"]),
        ("--style-weight 1,5 --size x", ["--style-weight: '1,5' is not a number; write 1.5", "--size: 'x' is not all"]),
        ("--snapshots 5", ["--snapshots requires --record FOLDER"]),
        (
            "--preset transformation-network --optimizer lbfgs",
            [
                f"--learning-rate-decay requires --optimizer adam; {PRESET} learning_rate_decay 0.9",
                f"--method network requires --optimizer adam; {PRESET} method network",
            ],
        ),
    ],
)
def test_errors_name_the_flags_that_were_typed(here, capsys, flags, told):
    status, out, err = run(capsys, "stylize", "a.png", "s.png", "-o", "out.png", *flags.split())
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(f"nst: {start}") for line, start in zip(lines, told, strict=True))
