"""nst.images.integrity: says what the decoder would say, and decodes only what does not end as it should."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images import intact_picture_size, integrity, picture_size, read_picture

pillow_heif.register_heif_opener()

KINDS = {
    "jpg": {}, "png": {}, "gif": {}, "webp": {}, "bmp": {}, "tif": {}, "tiff": {"compression": "tiff_lzw"}, "heic": {},
    "avif": {},
}  # fmt: skip


def picture(path: Path) -> bytes:
    """An image that no format can make small, where the format has orientations at one that swaps its sides."""
    noise = np.random.default_rng(5).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(path, exif=exif.tobytes(), **KINDS[path.suffix[1:]])
    return path.read_bytes()


def upright(kind: str) -> tuple[int, int]:
    return (90, 60) if kind in ("gif", "bmp") else (60, 90)


def complaint(look: object, path: Path) -> str:
    try:
        look(path)  # type: ignore[operator]
    except NstError as error:
        return str(error).partition(" (")[0]
    return ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_it_says_what_the_decoder_says(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    whole = picture(path)
    assert intact_picture_size(path) == picture_size(path) == upright(kind)
    for content in (whole[:-1], whole[:-40], whole[: len(whole) // 2], whole + b"a film behind it" * 9):
        path.write_bytes(content)
        assert complaint(intact_picture_size, path) == complaint(read_picture, path)
    path.write_bytes(whole[: len(whole) // 2])
    assert complaint(intact_picture_size, path).endswith("the image is truncated, corrupt or of an unsupported kind")


@pytest.mark.parametrize("kind", KINDS)
def test_what_ends_as_it_should_is_not_decoded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / f"a.{kind}")
    monkeypatch.setattr(integrity, "_decode", lambda path, header: 1 / 0)
    assert intact_picture_size(tmp_path / f"a.{kind}") == upright(kind)


def test_a_decoder_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(NstError, match=r"a\.heic: requires the package pillow-heif, which is not installed: pip in"):
        picture_size(tmp_path / "a.heic")
