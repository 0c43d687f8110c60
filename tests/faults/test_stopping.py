"""Signals: whoever asks once or many times, what has been done is kept."""

from __future__ import annotations

import signal
import time

import pytest

from grids import Grid, leftovers, stylize_arguments, wait_for

#: Iterations of more than the five seconds of work that are kept.
LONG = 10_000


@pytest.mark.parametrize("moment", ["optimizing", pytest.param("starting", marks=pytest.mark.slow)])
def test_sigterm_again_and_again_ends_with_a_checkpoint(tmp_path, moment):
    """As a cluster sends it: to the process, then to its group, then to all of its jobs."""
    grid = Grid(tmp_path)
    frames = tmp_path / "work/one/snapshots/frames"
    with grid.start("nst", *stylize_arguments(iterations=LONG)) as process:
        if moment == "optimizing":
            wait_for(lambda: (frames / "000100.jpg").exists())
            time.sleep(5.5)  # work of less than five seconds is not kept
        else:
            wait_for(lambda: (tmp_path / "work/.one.lock").exists())
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert process.returncode == 130, process.said()
    if moment == "starting":
        assert leftovers(tmp_path / "work") == []
        return
    assert (tmp_path / "work/one/checkpoint.pt").exists()
    with grid.start("nst", *stylize_arguments(iterations=LONG)) as process:
        wait_for(lambda: "resuming an interrupted run after iteration" in process.said())


@pytest.mark.slow
def test_sigterm_after_the_optimization_lets_it_be_published(tmp_path):
    grid = Grid(tmp_path)
    with grid.start("nst", *stylize_arguments()) as process:
        wait_for(lambda: (tmp_path / "work/one/snapshots/frames/000006.jpg").exists())
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode == 130
    assert leftovers(tmp_path) == []
    code, said = grid.run("nst", *stylize_arguments(), "--unless-done")
    assert (code, "up to date" in said) == (0, True)
