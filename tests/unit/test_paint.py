"""The painter of the sample pictures: the same pixels each time, and the committed files are its work."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "data"
if str(DATA) not in sys.path:
    sys.path.insert(0, str(DATA))

from paint import gallery, noise  # noqa: E402
from paint.canvas import frame, polygon  # noqa: E402

NAMES = gallery.CONTENTS + gallery.STYLES
# Painted a second time in the tests; the others take longer and share the same seeded helpers.
QUICK = ("stained_glass", "cubism", "geometric")


def committed(name: str) -> Path:
    """The file in the repository that holds a picture."""
    return DATA / gallery.kind_of(name) / f"{name}.jpg"


@pytest.mark.parametrize("name", QUICK)
def test_painted_twice_gives_the_same_pixels(name: str) -> None:
    first, second = gallery.painter(name)(64), gallery.painter(name)(64)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    assert max(first.shape) == 64
    assert np.array_equal(first, second)
    assert first.std() > 20, "a picture has contrast"


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_committed_at_full_size(name: str) -> None:
    with Image.open(committed(name)) as picture:
        assert picture.mode == "RGB"
        assert max(picture.size) == gallery.LONG_SIDE
        assert np.asarray(picture).std() > 20


def test_committed_pictures_stay_small() -> None:
    assert sum(committed(name).stat().st_size for name in NAMES) <= 2.5e6


def test_contents_differ_in_aspect() -> None:
    aspects = set()
    for name in gallery.CONTENTS:
        with Image.open(committed(name)) as picture:
            aspects.add(round(picture.width / picture.height, 2))
    assert len(aspects) >= 4


def test_committed_file_is_what_the_script_paints() -> None:
    painted = gallery.painter("geometric")(gallery.LONG_SIDE).astype(float)
    with Image.open(committed("geometric")) as picture:
        stored = np.asarray(picture, float)
    # JPEG moves single pixels at the edges and in the grain, but hardly the mean.
    assert painted.shape == stored.shape
    assert np.abs(painted - stored).mean() < 6
    assert np.abs(painted.mean((0, 1)) - stored.mean((0, 1))).max() < 1.5


def test_unknown_picture_is_refused() -> None:
    with pytest.raises(KeyError, match="no picture"):
        gallery.painter("nothing")


def test_noise_depends_on_the_seed_only() -> None:
    x = np.linspace(0, 9, 50, dtype=np.float32)
    assert np.array_equal(noise.perlin2(x, x, 3), noise.perlin2(x, x, 3))
    assert not np.array_equal(noise.perlin2(x, x, 3), noise.perlin2(x, x, 4))
    assert np.array_equal(noise.lattice((8, 12), 4, 1), noise.lattice((8, 12), 4, 1))


def test_noise_by_blocks_equals_noise_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(-5, 5, 300, dtype=np.float32)
    whole = noise.perlin3(x, 2 * x, x * x, 1)
    monkeypatch.setattr(noise, "BLOCK", 32)
    assert np.array_equal(noise.perlin3(x, 2 * x, x * x, 1), whole)


def test_frame_keeps_the_long_side() -> None:
    assert frame(768, 3 / 2) == (512, 768)
    assert frame(768, 3 / 4) == (768, 576)


def test_polygon_mask_covers_its_area() -> None:
    mask = polygon((40, 40), [(0, 0), (0.5, 0), (0.5, 1), (0, 1)])
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask.mean() == pytest.approx(0.5, abs=0.02)
