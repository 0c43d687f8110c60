"""Images that several pairs of a process share."""

from __future__ import annotations

import threading
import zlib

import numpy as np
import pytest

from nst.images import Picture, read_picture, write_picture
from nst.pair import sources
from nst.pair import stylize as pair
from nst.pair.sources import RecentPictures, Sources


@pytest.fixture
def recent(monkeypatch) -> RecentPictures:
    """An empty cache for this test."""
    empty = RecentPictures(1_000_000)
    monkeypatch.setattr(sources, "_recent", empty)
    return empty


@pytest.fixture
def decoded(recent, monkeypatch) -> list[str]:
    """The names of the images that are decoded, in order."""
    names = []

    def counting(file, **size):
        names.append(str(file))
        return read_picture(file, **size)

    monkeypatch.setattr(sources, "read_picture", counting)
    return names


def picture(side: int, alpha: bool = False) -> Picture:
    """12 bytes per pixel, or 16 with alpha."""
    return Picture(np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32) if alpha else None, 8)


def test_an_image_is_decoded_once_at_each_size(tmp_path, decoded, scene):
    path = str(tmp_path / "a.png")
    write_picture(path, scene[:20, :30])
    first = Sources().read(path, long_side=15)
    assert Sources().read(path, long_side=15) is first
    assert Sources().read(path, shape=(10, 15)).pixels.shape == (10, 15, 3)
    assert decoded == [path] * 2
    copy = tmp_path / "copy.png"
    copy.write_bytes((tmp_path / "a.png").read_bytes())
    assert Sources().read(str(copy), long_side=15) is first


def test_an_image_that_changed_is_decoded_again(tmp_path, decoded, scene):
    path = str(tmp_path / "a.png")
    write_picture(path, scene[:20, :30])
    Sources().read(path)
    write_picture(path, np.full((20, 30, 3), 1, np.float32))
    assert Sources().read(path).pixels.min() == 1
    assert decoded == [path] * 2


@pytest.mark.parametrize("alpha", [False, True])
def test_the_least_recently_used_go_first(alpha):
    recent = RecentPictures(4 * (1600 if alpha else 1200))
    pictures = {name: picture(10, alpha) for name in "abcde"}
    for name in "abcd":
        recent.keep(name, pictures[name])
    recent.get("a")
    recent.keep("e", pictures["e"])
    assert {name for name in "abcde" if recent.get(name)} == set("acde")


def test_large_images_are_not_kept():
    recent = RecentPictures(4 * 1200)
    recent.keep("small", picture(10))
    recent.keep("large", picture(11))
    assert recent.get("small")
    assert recent.get("large") is None


def test_several_threads():
    recent = RecentPictures(5 * 1200)

    def use() -> None:
        for i in range(3000):
            if recent.get(i % 12) is None:
                recent.keep(i % 12, picture(10))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(recent.get(i) is not None for i in range(12)) == 5


SETTINGS = [
    {},
    {"color": "luminance"},
    {"color": "histogram"},
    {"init": "style"},
    {"tile": 32},
    {"scales": 2},
    {"style_loss": "nearest"},
    {"photo_weight": 1.0},
    {"optimizer": "adam"},
]


@pytest.mark.parametrize("values", SETTINGS, ids=str)
def test_no_pair_changes_them(job, values, recent):
    it = job("first", **{"content_mask": job("mask").content, **values})
    inputs = pair.read_inputs(it)
    arrays = [p.pixels for p in (inputs.content, *inputs.styles, *inputs.references, inputs.content_mask)]
    before = [zlib.crc32(array) for array in arrays]
    pair.stylize_pair(it)
    assert pair.read_inputs(it).content.pixels is inputs.content.pixels
    assert [zlib.crc32(array) for array in arrays] == before
