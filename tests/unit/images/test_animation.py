"""nst.images.animation: what is written decodes to the frames that went in."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from nst.errors import NstError
from nst.images import animation
from nst.images.animation import distinct_frames, sample_frames
from nst.pair.frames import has_frame
from nst.settings import make

#: As the settings' defaults have it.
animate = partial(animation.animate, frame_rate=12.5, end_pause=1.0)


def write_frames(folder: Path, count: int, size: tuple[int, int] = (64, 48), noise: bool = False) -> Path:
    """Frames that brighten from first to last."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for n in range(count):
        pixels = np.full((size[1], size[0], 3), 20 + 200 * n // max(1, count - 1), np.uint8)
        if noise:
            pixels = random.integers(0, 256, pixels.shape, np.uint8)
        Image.fromarray(pixels).save(folder / f"{n * 10:06d}.jpg")
    return folder


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def gif_frames(path: Path) -> list[tuple[int, float]]:
    """(milliseconds, brightness) of each frame."""
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        frames = ImageSequence.Iterator(image)
        return [(f.info["duration"], float(np.asarray(f.convert("L")).mean())) for f in frames]


def test_gif_holds_its_ends(tmp_path: Path) -> None:
    animate(write_frames(tmp_path / "frames", 6), tmp_path / "a.gif")
    durations, brightness = zip(*gif_frames(tmp_path / "a.gif"), strict=True)
    assert durations == (1000, 80, 80, 80, 80, 1000)
    assert brightness == pytest.approx([20, 60, 100, 140, 180, 220], abs=4)


def test_time_and_size_can_be_chosen(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 6, (200, 101))
    animate(frames, tmp_path / "a.gif", frame_rate=10, end_pause=2, long_side=100)
    assert [time for time, _ in gif_frames(tmp_path / "a.gif")] == [2000, 100, 100, 100, 100, 2000]
    assert size_of(tmp_path / "a.gif") == (100, 50)


def test_the_slowest_animation_that_the_settings_allow_is_written(tmp_path: Path) -> None:
    """GIF has 16 bits for hundredths of a second."""
    slowest = make({"frame_rate": 0.01})
    animate(write_frames(tmp_path / "frames", 3), tmp_path / "a.gif", frame_rate=slowest.frame_rate)
    assert [time for time, _ in gif_frames(tmp_path / "a.gif")] == [100_000, 100_000, 100_000]
    with pytest.raises(NstError, match=r"frame_rate: '0.0015' is not allowed; expected a number from 0.01 to 50"):
        make({"frame_rate": "0.0015"})


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    for suffix in ("gif", "mp4"):
        for name in "ab":
            animate(frames, tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_one_frame_is_a_picture(tmp_path: Path) -> None:
    animate(write_frames(tmp_path / "frames", 1), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("GIF", 1)


def test_size_is_bounded(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 20, (240, 180), noise=True)
    animate(frames, tmp_path / "a.gif", max_bytes=400_000)
    assert (tmp_path / "a.gif").stat().st_size <= 400_000
    assert len(gif_frames(tmp_path / "a.gif")) >= 12


def test_mp4_plays_everywhere(tmp_path: Path) -> None:
    animate(write_frames(tmp_path / "frames", 5, (65, 49)), tmp_path / "a.mp4")
    to_gray = ["-i", str(tmp_path / "a.mp4"), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    decoded = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *to_gray], capture_output=True, check=True)
    assert b"Video: h264" in decoded.stderr
    assert b"yuv420p" in decoded.stderr
    shown = np.frombuffer(decoded.stdout, np.uint8).reshape(-1, 48 * 64).mean(axis=1)
    assert len(shown) == 60 + 3 * 5 + 60  # 60 frames a second: 1 s, 0.08 s each, 1 s
    assert shown[0] == pytest.approx(20, abs=6)
    assert shown[-1] == pytest.approx(220, abs=6)


def test_frames_of_earlier_scales_are_enlarged(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    Image.new("RGB", (16, 12)).save(frames / "000000.jpg")
    animate(frames, tmp_path / "a.gif")
    assert size_of(tmp_path / "a.gif") == (64, 48)


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NstError, match="nowhere: is not a folder; give the folder of a pair"):
        animate(tmp_path / "nowhere", tmp_path / "a.gif")
    frames = write_frames(tmp_path / "frames", 3)
    with pytest.raises(NstError, match=r"\.gif or \.mp4"):
        animate(frames, tmp_path / "a.avi")
    (frames / "000010.jpg").write_bytes(b"torn")
    with pytest.raises(NstError, match=r"000010\.jpg: the frame cannot be read"):
        animate(frames, tmp_path / "a.gif")
    assert not (tmp_path / "a.gif").exists()


def test_spread_keeps_the_ends_and_favors_the_beginning() -> None:
    chosen = sample_frames(range(1000), 50)
    assert chosen[0] == 0
    assert chosen[-1] == 999
    assert len(set(chosen)) == 50
    assert len(set(sample_frames(range(20), 12))) == 12
    steps = np.diff(chosen)
    assert steps[:10].max() < steps[-10:].min()
    assert sample_frames([1, 2, 3], 5) == [1, 2, 3]


def write_course(folder: Path, kept: list[int], last: int = 300) -> Path:
    """Frames of an image that comes to its end as an optimization does: the distance falls as 1 / iteration."""
    folder.mkdir()
    for n in kept:
        done = 1 - (1 / max(n, 1) - 1 / last) / (1 - 1 / last)
        Image.fromarray(np.full((48, 64, 3), 20 + round(200 * done), np.uint8)).save(folder / f"{n:06d}.jpg")
    return folder


def test_an_animation_moves_until_its_end(tmp_path: Path) -> None:
    kept = [n for n in range(2, 300) if has_frame(n, 10)]
    animate(write_course(tmp_path / "frames", [0, *kept, 300]), tmp_path / "a.gif")
    brightness = [value for _, value in gif_frames(tmp_path / "a.gif")]
    assert 8 <= len(brightness) < len(kept)
    assert np.diff(brightness).min() >= 0.9 * 200 / 20  # each frame is a visible step
    assert brightness[0] == pytest.approx(20, abs=4)
    assert brightness[-1] == pytest.approx(220, abs=4)
    evenly = [0, *range(10, 301, 10)]
    animate(write_course(tmp_path / "evenly", evenly), tmp_path / "b.gif")
    assert len(gif_frames(tmp_path / "b.gif")) < 5  # what frames without dense ones at the start have to show


def test_frames_that_stand_still_are_two(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for n in range(6):
        Image.new("RGB", (64, 48), (9, 9, 9)).save(frames / f"{n}.jpg")
    assert [path.name for path in distinct_frames(sorted(frames.iterdir()))] == ["0.jpg", "5.jpg"]


def test_frames_are_dense_at_the_start_and_no_further_apart_than_asked() -> None:
    kept = [n for n in range(1, 301) if has_frame(n, 10)]
    assert kept[:10] == [1, 2, 3, 4, 5, 6, 8, 10, 13, 17]
    assert np.diff(kept).max() == 10
    assert len(kept) <= 30 + 10  # a third more than every tenth
    assert [n for n in range(1, 9) if has_frame(n, 1)] == [*range(1, 9)]
    assert not any(has_frame(n, 0) for n in range(1, 100))
    assert len([n for n in range(1, 301) if has_frame(n, 10**6)]) < 25
