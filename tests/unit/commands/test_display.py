"""The progress of one pair on a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from nst.commands.display import Display
from nst.engine.stylization import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_says_that_the_image_is_measured_after_its_last_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Display(2, Path("out/lake.png")) as display:
        for iteration in (1, 2):
            losses = {"total": 1.0, "content": 0.5, "style": 0.5}
            display.show(Progress(iteration, losses, 0.1, picture=dict, state=dict))
            assert ("lake.png (measuring)" in terminal.getvalue()) is (iteration == 2)
    assert terminal.getvalue().rpartition("\r")[2].startswith("lake.png: 100%")
