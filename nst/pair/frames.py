"""The iterations with a frame or a snapshot, and the names of these files."""

from __future__ import annotations

from functools import cache

from nst.layout import FRAMES, SNAPSHOTS
from nst.settings import Settings


def has_frame(iteration: int, step: int) -> bool:
    """Whether a frame is kept at an iteration: the intervals grow by a third, from 1 to `step`. False if `step` is 0.

    Early iterations change the image most: in a run of 150, the third changes it as much as the last 94 together.
    """
    early = _early_frames(step) if step else ()
    return bool(early) and (iteration in early or (iteration > early[-1] and (iteration - early[-1]) % step == 0))


def has_snapshot(iteration: int, step: int) -> bool:
    """Whether a snapshot is kept at an iteration: every `step` iterations. False if `step` is 0."""
    return step > 0 and iteration % step == 0


def frame_file(iteration: int) -> str:
    """The file name of a frame. The frame of iteration 1, which shows the initial image, has the number 0."""
    return f"{FRAMES}/{iteration:06d}.jpg"


def snapshot_file(iteration: int, suffix: str) -> str:
    """The file name of a snapshot, which has the format of the output."""
    return f"{SNAPSHOTS}/{iteration:06d}{suffix}"


def files_until(iteration: int, settings: Settings, suffix: str) -> list[str]:
    """The frames and snapshots of a run up to an iteration, without the frame of the finished image."""
    passed = range(1, iteration + 1)
    frames = [frame_file(0 if n == 1 else n) for n in passed if has_frame(n, settings.frame_interval)]
    return frames + [snapshot_file(n, suffix) for n in passed if has_snapshot(n, settings.snapshot_interval)]


@cache
def _early_frames(step: int) -> tuple[int, ...]:
    """The iterations with a frame while the intervals still grow."""
    iterations = [1]
    while iterations[-1] // 3 < step:
        iterations.append(iterations[-1] + max(1, iterations[-1] // 3))
    return tuple(iterations)
