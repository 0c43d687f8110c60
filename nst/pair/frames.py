"""Which iterations leave a frame or a snapshot, and the names of their files."""

from __future__ import annotations

from functools import cache

from nst.layout import FRAMES, SNAPSHOTS
from nst.settings import Settings


def has_frame(iteration: int, step: int) -> bool:
    """Whether a frame is kept at an iteration: steps grow by a third from 1 to `step`; none where `step` is 0.

    Of 150 iterations the third changes a picture as much as all from the 57th on.
    """
    early = _early_frames(step) if step else ()
    return bool(early) and (iteration in early or (iteration > early[-1] and (iteration - early[-1]) % step == 0))


def has_snapshot(iteration: int, step: int) -> bool:
    """Whether a snapshot is kept at an iteration: every `step`; none where `step` is 0."""
    return step > 0 and iteration % step == 0


def frame_file(iteration: int) -> str:
    """The name of a frame; that of the first iteration, which shows where the run starts, has the number 0."""
    return f"{FRAMES}/{iteration:06d}.jpg"


def snapshot_file(iteration: int, suffix: str) -> str:
    """The name of a snapshot, an image of the same format as the finished one."""
    return f"{SNAPSHOTS}/{iteration:06d}{suffix}"


def files_until(iteration: int, settings: Settings, suffix: str) -> list[str]:
    """The frames and snapshots that a run leaves until an iteration; the finished image is a frame as well."""
    passed = range(1, iteration + 1)
    frames = [frame_file(0 if n == 1 else n) for n in passed if has_frame(n, settings.frame_interval)]
    return frames + [snapshot_file(n, suffix) for n in passed if has_snapshot(n, settings.snapshot_interval)]


@cache
def _early_frames(step: int) -> tuple[int, ...]:
    """The iterations with a frame up to where the steps are of full length."""
    found = [1]
    while found[-1] // 3 < step:
        found.append(found[-1] + max(1, found[-1] // 3))
    return tuple(found)
