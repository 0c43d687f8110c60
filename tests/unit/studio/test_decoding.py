"""Uploaded files are decoded in a process with limits: what is accepted, what is refused, and how it is bounded."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from nst.errors import NstError
from nst.studio import decoding
from nst.studio.decoding import BusyError, Decoded, decode, mask
from uploads import image_bytes


def _heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB", (40, 24), bytes(40 * 24 * 3)).save(file)
    return file.getvalue()


ACCEPTED = {
    ".jpg": image_bytes,
    ".png": lambda: image_bytes("PNG", mode="RGBA"),
    ".webp": lambda: image_bytes("WEBP"),
    ".tif": lambda: image_bytes("TIFF"),
    ".avif": lambda: image_bytes("AVIF"),
    ".heic": _heic,
}
REFUSED = {
    "notes.txt": (b"bring milk", " is not an image of a supported format; use JPEG, PNG"),
    "page.jpg": (b"<!doctype html><script>alert(1)</script>", " is not an image of a supported format; use JPEG"),
    "logo.svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', " is an SVG, a drawing without"),
    "party.gif": (image_bytes("GIF"), " is a GIF; use JPEG"),
    "old.bmp": (image_bytes("BMP"), " is a BMP; use JPEG"),
    "empty.png": (b"", " is empty; save the image again"),
    "head.jpg": (
        b"\xff\xd8\xff and no more",
        ": the image is truncated, corrupt or of an unsupported kind (unreadable",
    ),
    "half.png": (image_bytes("PNG")[:400], ": the image is truncated"),
    "half.jpg": (image_bytes(width=400)[:3000], ": the image is truncated"),
}


@pytest.fixture
def upload(tmp_path):
    """Decodes bytes as an upload under a name."""

    def decoded(data: bytes, name: str = "upload", by=decode, **options) -> Decoded:
        (tmp_path / "upload").write_bytes(data)
        return by(tmp_path / "upload", tmp_path / "preview.webp", name=name, **options)

    return decoded


@pytest.mark.parametrize("suffix", ACCEPTED)
def test_each_accepted_format(upload, tmp_path, suffix):
    data = ACCEPTED[suffix]()
    assert upload(data) == Decoded(suffix, 40, 24)
    assert (tmp_path / "upload").read_bytes() == data
    with Image.open(tmp_path / "preview.webp") as preview:
        assert (preview.format, preview.size) == ("WEBP", (40, 24))


@pytest.mark.parametrize("name", REFUSED)
def test_each_refused_file_gets_one_sentence(upload, tmp_path, name):
    data, sentence = REFUSED[name]
    with pytest.raises(NstError) as error:
        upload(data, name)
    message = str(error.value)
    assert message.startswith(f"{name}{sentence}")
    assert str(tmp_path) not in message
    assert "\n" not in message
    assert not (tmp_path / "preview.webp").exists()


def test_a_preview_is_upright_small_and_says_nothing_of_its_origin(upload, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "the maker of the camera"
    assert upload(image_bytes(width=1000, height=500, exif=exif)) == Decoded(".jpg", 500, 1000)
    with Image.open(tmp_path / "preview.webp") as preview:
        assert preview.size == (240, 480)
        assert not preview.getexif()
        assert "xmp" not in preview.info
    assert b"camera" not in (tmp_path / "preview.webp").read_bytes()


def test_an_image_with_too_many_pixels_is_refused(upload):
    with pytest.raises(NstError, match=r"has 40×24 pixels; at most 0 megapixels are allowed"):
        upload(image_bytes(), pixels=500)


def test_a_mask_becomes_gray(upload, tmp_path):
    painted = np.zeros((30, 5000, 4), np.uint8)
    painted[..., :3] = 255
    painted[:, 2500:, 3] = 255  # transparent white is not painted
    file = io.BytesIO()
    Image.fromarray(painted).save(
        file,
        "PNG",
    )
    assert upload(file.getvalue(), by=mask) == Decoded(".png", 4096, 25)
    with Image.open(tmp_path / "upload") as stored:
        assert (stored.format, stored.mode, stored.size) == ("PNG", "L", (4096, 25))
        levels = np.asarray(stored)
    assert levels[:, :2000].max() == 0
    assert levels[:, 2100:].min() > 250
    with Image.open(tmp_path / "preview.webp") as preview:
        assert preview.size == (480, 3)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (image_bytes(), "mask is not a mask; a mask is a PNG"),
        (image_bytes("PNG")[:300], "mask: the image is truncated"),
        (ACCEPTED[".png"]()[:20], "mask: the image is truncated"),
    ],
)
def test_what_is_no_mask(upload, data, sentence):
    with pytest.raises(NstError, match=f"^{sentence}"):
        upload(data, "mask", by=mask)


def test_an_empty_mask_is_refused(upload):
    file = io.BytesIO()
    Image.new("RGBA", (9, 9)).save(file, "PNG")
    with pytest.raises(NstError, match=r"^mask is empty; paint where the style goes$"):
        upload(file.getvalue(), "mask", by=mask)


def test_where_the_preview_cannot_be_written_no_path_is_told(upload, tmp_path):
    (tmp_path / "preview.webp").mkdir()
    with pytest.raises(NstError, match=r"^a\.jpg: cannot be stored; try again later$"):
        upload(image_bytes(), "a.jpg")


def test_a_slow_file_is_given_up_and_its_process_killed(upload, monkeypatch):
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(decoding, "SECONDS", 0.01)
    with pytest.raises(NstError, match=r"^a\.jpg: cannot be decoded"):
        upload(image_bytes(), "a.jpg")
    [process] = started
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_file_that_takes_too_much_memory(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(1_600_000_000)
    with pytest.raises(NstError, match=r"^a\.jpg: needs more memory than the studio allows"):
        decode(tmp_path / "a.jpg", tmp_path / "preview.webp")


def test_a_decoder_that_crashes_ends_only_its_process(upload, tmp_path, monkeypatch):
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    with pytest.raises(NstError, match=r"^a\.jpg: cannot be decoded"):
        upload(image_bytes(), "a.jpg")


def test_a_decoder_that_prints_something_is_treated_as_one_that_crashes(upload, tmp_path, monkeypatch):
    printing = tmp_path / "python"
    printing.write_text("#!/bin/sh\necho a warning\n")
    printing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(printing))
    with pytest.raises(NstError, match=r"^a\.jpg: cannot be decoded"):
        upload(image_bytes(), "a.jpg")


def test_a_decoder_gets_none_of_our_environment(upload, tmp_path, monkeypatch):
    shown = tmp_path / "shown"
    (tmp_path / "python").write_text(f"#!/bin/sh\nenv > {shown}\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    with pytest.raises(NstError):
        upload(image_bytes())
    assert "PYTHONPATH=" in shown.read_text()
    assert "hidden" not in shown.read_text()


@pytest.mark.parametrize(
    ("act", "raises"),
    [
        ("bytearray(1_600_000_000)", "MemoryError"),
        ("[open('/dev/null') for _ in range(40)]", "Too many open files"),
        ("open('large', 'wb').write(bytes(40_000_000))", "File too large"),
    ],
)
def test_the_limits_of_a_process(tmp_path, act, raises):
    script = f"from nst.studio import decoding; decoding._limit(); {act}"
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert raises in ended.stderr


def test_a_process_has_little_time_few_processors_and_dumps_no_core():
    script = (
        "import os, resource; from nst.studio import decoding; decoding._limit();"
        "print(resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_CORE)),"
        "print(len(os.sched_getaffinity(0)) <= 2)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "(30, 30) (0, 0)\nTrue\n"


def test_two_at_once_and_the_next_waits_for_a_while(upload, monkeypatch):
    for _ in range(decoding.PROCESSES):
        assert decoding._slots.acquire(timeout=0)
    try:
        monkeypatch.setattr(decoding, "WAIT", 0.05)
        with pytest.raises(BusyError, match="the studio is busy"):
            upload(image_bytes())
        monkeypatch.setattr(decoding, "WAIT", 30)
        threading.Timer(0.1, decoding._slots.release).start()
        assert upload(image_bytes()).suffix == ".jpg"
    finally:
        decoding._slots.release()


def test_more_than_a_few_do_not_wait(upload, monkeypatch):
    monkeypatch.setattr(decoding, "_files", threading.BoundedSemaphore(1))
    with decoding._slot(), pytest.raises(BusyError, match="busy with other images"):
        upload(image_bytes())
    upload(image_bytes())


def test_a_refused_file_frees_its_place(upload):
    for _ in range(decoding.PROCESSES + 1):
        with pytest.raises(NstError, match="not an image"):
            upload(b"text")
    assert decoding._slots._value == decoding.PROCESSES


def test_a_process_starts_without_heavy_packages(tmp_path):
    (tmp_path / "a.jpg").write_bytes(image_bytes())
    arguments = ["image", str(tmp_path / "a.jpg"), str(tmp_path / "preview.webp"), "1000"]
    command = [sys.executable, "-X", "importtime", "-m", "nst.studio.decoding", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == '{"suffix": ".jpg", "width": 40, "height": 24}\n'
    imported = {line.split("|")[-1].strip().split(".")[0] for line in ended.stderr.splitlines()}
    assert "PIL" in imported
    assert imported.isdisjoint({"torch", "pandas", "scipy", "matplotlib", "pydantic", "flask", "snakemake", "requests"})


def test_a_small_file_takes_little_time(upload):
    began = time.monotonic()
    upload(image_bytes())
    assert time.monotonic() - began < 10  # 0.3 s on a free core; others may have it
