"""Writing images and their metadata: they come back, and other tools can read them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from nst.errors import NstError
from nst.images import picture_size, read_metadata, read_picture, resize, write_frame, write_picture
from pictures import icc_and_texts, noise, sixteen_bit

FIXTURE_REUSED = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


# --- Writing -------------------------------------------------------------------------------------------

SUFFIXES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".PNG"]
JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON_FLAT = JSON_SCALARS | st.lists(JSON_SCALARS, max_size=3) | st.dictionaries(st.text(), JSON_SCALARS, max_size=3)
JSON_VALUES = JSON_FLAT | st.lists(JSON_FLAT, max_size=3) | st.dictionaries(st.text(), JSON_FLAT, max_size=3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_pixels_come_back(tmp_path: Path, suffix: str) -> None:
    y, x = np.mgrid[0:1:32j, 0:1:48j]
    pixels = np.stack([x, y, (x + y) / 2], axis=-1).astype(np.float32)
    path = tmp_path / f"made/on/the/way/a{suffix}"
    write_picture(path, pixels)
    picture = read_picture(path)
    tolerance = {".jpg": 3, ".jpeg": 3, ".webp": 8}.get(suffix, 0.5001)
    assert np.abs(picture.pixels - pixels).max() * 255 <= tolerance
    assert (picture.alpha, picture.bits) == (None, 16 if suffix.startswith(".tif") else 8)
    profile, _ = icc_and_texts(path)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_level_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    levels = noise(64, 64, 4)
    pixels = levels.astype(np.float32) / 255
    write_picture(tmp_path / f"a{suffix}", pixels[..., :3], alpha=pixels[..., 3])
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert np.array_equal(np.asarray(image), levels)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.alpha is not None
    assert np.array_equal(picture.pixels, pixels[..., :3])
    assert np.array_equal(picture.alpha, pixels[..., 3])


def test_sixteen_bits_come_back_exactly(tmp_path: Path) -> None:
    levels = noise(64, 64, 4, "uint16")
    pixels = (levels / 65535).astype(np.float32)
    write_picture(tmp_path / "a.tif", pixels[..., :3], alpha=pixels[..., 3], bits=16, metadata={"a": 1})
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), levels)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is not None
    assert picture.bits == 16
    assert np.array_equal(sixteen_bit(picture.pixels), levels[..., :3])
    assert np.array_equal(sixteen_bit(picture.alpha), levels[..., 3])


def test_levels_are_rounded_and_clipped(tmp_path: Path) -> None:
    pixels = np.array([[-1, 0.6 / 255, 0.4 / 255, 254.6 / 255, 2]], np.float64)[..., None].repeat(3, axis=2)
    write_picture(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 1, 0, 255, 255]


def test_webp_keeps_alpha_and_jpeg_lies_on_white(tmp_path: Path) -> None:
    pixels, alpha = np.zeros((16, 16, 3), np.float32), np.full((16, 16), 0.25, np.float32)
    for suffix in (".webp", ".jpg"):
        write_picture(tmp_path / f"a{suffix}", pixels, alpha=alpha)
    webp, jpeg = read_picture(tmp_path / "a.webp"), read_picture(tmp_path / "a.jpg")
    assert webp.alpha is not None
    assert np.allclose(webp.alpha, 0.25, atol=0.01)
    assert jpeg.alpha is None
    assert np.allclose(jpeg.pixels, 0.75, atol=0.01)


def test_the_same_picture_gives_the_same_bytes_in_another_process_and_second(tmp_path: Path) -> None:
    pixels = noise().astype(np.float32) / 255
    np.save(tmp_path / "pixels.npy", pixels)
    script = (
        "import sys, numpy as np; from nst.images import write_picture\n"
        "for path in sys.argv[2:]: write_picture(path, np.load(sys.argv[1]), metadata={'seed': 1})\n"
    )
    first, second = ([tmp_path / f"{name}{suffix}" for suffix in SUFFIXES[:-1]] for name in "ab")
    for path in first:
        write_picture(path, pixels, metadata={"seed": 1})
    time.sleep(1)  # a date that sneaks in counts in seconds
    subprocess.run([sys.executable, "-c", script, tmp_path / "pixels.npy", *second], check=True)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_is_never_saved(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    for bad in (np.nan, np.inf):
        with pytest.raises(NstError, match="not saved"):
            write_picture(tmp_path / "a.png", np.full_like(pixels, bad))
    with pytest.raises(NstError, match=r"use one of \.png, \.jpg"):
        write_picture(tmp_path / "a.xyz", pixels)
    with pytest.raises(NstError, match="use one of"):
        write_picture(tmp_path / "no_suffix", pixels)
    with pytest.raises(NstError, match=r"choose \.tif"):
        write_picture(tmp_path / "a.png", pixels, bits=16)
    with pytest.raises(NstError, match="cannot be saved in this format"):
        write_picture(tmp_path / "a.webp", np.zeros((1, 16_400, 3), np.float32))
    with pytest.raises(ValueError, match="pixels are"):
        write_picture(tmp_path / "a.png", pixels[..., 0])
    with pytest.raises(ValueError, match="bits"):
        write_picture(tmp_path / "a.png", pixels, bits=12)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png", Path(f"{tmp_path}/{'x' * 300}/a.png")):
        with pytest.raises(NstError, match="cannot be written"):
            write_picture(path, pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("fails", ["write_bytes", "replace"])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_picture(path, np.zeros((4, 4, 3), np.float32))
    before = path.read_bytes()
    write_half: Callable[[Path, bytes], int] = Path.write_bytes

    def fail(self: Path, argument: object) -> None:
        if isinstance(argument, bytes):
            write_half(self, argument[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, fails, fail)
    with pytest.raises(NstError, match="No space left on device"):
        write_picture(path, np.ones((4, 4, 3), np.float32))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.float32))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- Metadata ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@FIXTURE_REUSED
@given(metadata=st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_metadata_come_back(tmp_path: Path, suffix: str, metadata: dict[str, object]) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(path, np.zeros((2, 3, 3), np.float32), metadata=metadata)
    assert read_metadata(path) == metadata
    assert picture_size(path) == (3, 2)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("length", [50_000, 64_990, 65_100, 400_000])
def test_long_metadata(tmp_path: Path, suffix: str, length: int) -> None:
    metadata = {"größe": "ß漢🎨" * 10, "long": "0123456789" * (length // 10)}
    write_picture(tmp_path / f"a{suffix}", np.zeros((2, 3, 3), np.float32), metadata=metadata)
    assert read_metadata(tmp_path / f"a{suffix}") == metadata


def test_metadata_that_do_not_fit(tmp_path: Path) -> None:
    long = {"noise": np.random.default_rng(0).bytes(80_000).hex()}
    with pytest.raises(NstError, match=r"metadata is too long.*choose \.png"):
        write_picture(tmp_path / "a.jpg", np.zeros((2, 3, 3), np.float32), metadata=long)
    write_picture(tmp_path / "a.png", np.zeros((2, 3, 3), np.float32), metadata=long)
    with pytest.raises(ValueError, match="JSON"):
        write_picture(tmp_path / "b.png", np.zeros((2, 3, 3), np.float32), metadata={"loss": float("nan")})


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_pictures_without_metadata(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise()).save(path)
    with pytest.raises(NstError, match="has no metadata of nst"):
        read_metadata(path)
    if suffix != ".bmp":
        write_picture(path, np.zeros((2, 3, 3), np.float32))
        with pytest.raises(NstError, match="has no metadata of nst"):
            read_metadata(path)


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"nst": 3}', "nst:zlib:!!", "[" * 100_000])
def test_foreign_text_is_no_metadata(tmp_path: Path, text: str) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nst", text)
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=chunks)
    with pytest.raises(NstError, match="has no metadata of nst"):
        read_metadata(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", noise(), description=text, metadata=None)
    with pytest.raises(NstError, match="has no metadata of nst"):
        read_metadata(tmp_path / "a.tif")


def test_other_tools_can_read_the_metadata(tmp_path: Path) -> None:
    for suffix in (".png", ".tif", ".jpg"):
        write_picture(tmp_path / f"a{suffix}", np.zeros((2, 3, 3), np.float32), metadata={"seed": 5})
    expected = {"nst": {"seed": 5}}
    assert json.loads(icc_and_texts(tmp_path / "a.png")[1]["nst"]) == expected
    assert json.loads(icc_and_texts(tmp_path / "a.tif")[1]["description"]) == expected
    assert json.loads(icc_and_texts(tmp_path / "a.jpg")[1][0x9286].removeprefix(b"ASCII\0\0\0")) == expected


# --- The module itself ---------------------------------------------------------------------------------


def test_importing_loads_no_codec() -> None:
    script = (
        "import sys, nst.images\n"
        "heavy = {'torch', 'tifffile', 'imagecodecs', 'pillow_heif', 'PIL.ImageCms'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_frame_is_the_resampled_picture_on_white(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 96, dtype=np.float32)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :72], np.float32(0.5)), axis=-1)
    alpha = np.broadcast_to(ramp[None, :72], (96, 72)).copy()
    write_frame(tmp_path / "a.jpg", pixels, (40, 30), alpha=alpha)
    expected = resize(pixels * alpha[..., None] + 1 - alpha[..., None], shape=(40, 30))
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels - expected).max() < 0.03
    write_frame(tmp_path / "b.jpg", pixels, (96, 72))
    assert np.abs(read_picture(tmp_path / "b.jpg").pixels - pixels).max() < 0.03
