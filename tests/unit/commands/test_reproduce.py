"""`nst reproduce` and forged images: nothing is read, and nothing takes hours, only because an image says so."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nst.cli import main
from nst.commands import reproduce
from nst.errors import NstError
from nst.images import read_metadata, write_picture
from nst.io.files import sha256
from nst.pair import stylize as pair
from nst.pair.origin import origin
from nst.settings import ADDED, defaults

SETTINGS = {**defaults().model_dump(mode="json"), "network": "lite", "size": 32, "iterations": 2, "frame_interval": 0}


@pytest.fixture
def here(tmp_path, monkeypatch, scene, stripes) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_picture(Path("a.png"), scene)
    write_picture(Path("s.png"), stripes)
    return Path.cwd()


def record(**changed) -> dict:
    """What an image of a.png and s.png carries, with some of it changed; None takes it away."""
    whole = {
        "nst": "0.1",
        "algorithm": 1,
        "content": {"path": "a.png", "sha256": sha256(Path("a.png"))},
        "style": [{"path": "s.png", "sha256": sha256(Path("s.png")), "weight": 1.0}],
        "pictures": [],
        "settings": SETTINGS,
        "weights": {"network": "lite", "source": "lite", "sha256": "0" * 64},
    } | changed
    return {name: value for name, value in whole.items() if value is not None}


def forged(**changed) -> str:
    write_picture(Path("forged.png"), np.zeros((4, 4, 3), np.float32), metadata=record(**changed))
    return "forged.png"


def again(capsys, *words) -> str:
    """The message of a run that fails before anything is stylized."""
    assert main(["reproduce", *words, "-o", "new.png", "--device", "cpu", "--threads", "1"]) == 1
    assert not Path("new.png").exists()
    return capsys.readouterr().err


def test_a_true_record_is_made_again(here):
    assert main(["reproduce", forged(), "-o", "new.png", "--device", "cpu", "--threads", "1"]) == 0


def test_an_image_is_reproduced_with_as_many_threads(here, monkeypatch):
    threads = []
    monkeypatch.setattr(reproduce, "stylized", lambda job, _: threads.append(job.threads) or {})
    monkeypatch.setattr(reproduce, "summary", lambda _: "")
    for more in ([], ["--threads", "2"], ["--iterations", "3"]):
        assert main(["reproduce", forged(threads=1), "-o", "new.png", *more]) == 0
    assert main(["reproduce", forged(threads=1024), "-o", "new.png"]) == 0  # this machine has fewer cores
    assert threads == [1, 2, 0, 0]
    assert main(["stylize", "a.png", "s.png", "-o", "one.png", "--network", "lite", "--size", "32", "--iterations", "2",
                 "--device", "cpu", "--threads", "1"]) == 0  # fmt: skip
    assert read_metadata("one.png")["threads"] == 1


DIGEST = "0" * 64
STYLE = {"path": "s.png", "sha256": DIGEST, "weight": 1.0}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"style": []}, "style"),
        ({"style": None}, "style"),
        ({"weights": "None"}, "weights"),
        ({"weights": None}, "weights"),
        ({"content": {"path": "a.png", "sha256": ""}}, "content.sha256"),
        ({"content": {"path": "a.png"}}, "content.sha256"),
        ({"content": {"path": "a\0b.png", "sha256": DIGEST}}, "content.path"),
        ({"content": {"path": "\ud800.png", "sha256": DIGEST}}, "content.path"),
        ({"content": {"path": "x" * 256 + ".png", "sha256": DIGEST}}, "content.path"),
        ({"content": {"path": "x/" * 2100, "sha256": DIGEST}}, "content.path"),
        ({"content": "a.png"}, "content"),
        ({"settings": []}, "settings"),
        ({"settings": {"size": [1]}}, "settings.size.int"),
        ({"algorithm": "new"}, "algorithm"),
        ({"iteration": 0}, "iteration"),
        ({"iteration": [1]}, "iteration"),
        ({"id": {}}, "id"),
        *(({"style": [STYLE | {"weight": weight}]}, "style.0.weight") for weight in (0, -1, "x", 1e300)),
    ],
)
def test_what_is_no_whole_record(here, capsys, changed, named):
    image = forged(**changed)
    for words in ((), ("--show",)):
        told = (
            f"nst: {image}: its metadata is incomplete or invalid ({named}); give an image that `nst stylize` saved\n"
        )
        assert again(capsys, image, *words) == told


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_numbers_that_json_has_not(weight):
    style = {"path": "s.png", "sha256": DIGEST, "weight": weight}
    whole = {"nst": "", "algorithm": 1, "content": style, "settings": {}, "weights": {"network": "", "sha256": DIGEST}}
    with pytest.raises(NstError, match=r"\(style.0.weight\)"):
        origin("a.png", whole | {"style": [style]})


def test_only_the_image_s_and_the_current_folder_are_read(here, capsys, tmp_path):
    (tmp_path / "secret.png").write_bytes(Path("a.png").read_bytes())
    Path("link.png").symlink_to(tmp_path / "secret.png")
    for path in (str(tmp_path / "secret.png"), "../secret.png", "link.png"):
        image = forged(content={"path": path, "sha256": sha256(Path("a.png"))})
        assert again(capsys, image) == (
            f"nst: {image}: its content {path} is neither in its folder nor in the current folder; name the file with "
            "--content FILE, or add --trust-paths if you trust the image\n"
        )
        for more in (("--trust-paths",), ("--content", path)):
            words = ("reproduce", image, *more, "-o", "new.png", "--force", "--device", "cpu", "--threads", "1")
            assert main([*words]) == 0, more
            Path("new.png").unlink()


@pytest.mark.parametrize(("name", "flag"), [("content_mask", "--content-mask"), ("weights", "--weights")])
def test_files_that_settings_name_are_not_trusted_either(here, capsys, tmp_path, name, flag):
    image = forged(settings=SETTINGS | {name: str(tmp_path / "elsewhere")})
    assert f"; name the file with {flag} FILE, or add --trust-paths" in again(capsys, image)


def test_a_picture_without_its_hash_is_not_read(here, capsys):
    image = forged(settings=SETTINGS | {"init": "./a.png"})
    assert again(capsys, image) == f"nst: {image}: has no SHA-256 of its init ./a.png; name the file with --init FILE\n"


def test_devices_pipes_and_what_the_kernel_makes_up_are_no_files(here, capsys):
    os.mkfifo("pipe.png")
    for path in ("pipe.png", "/dev/zero", "/proc/self/pagemap", "/proc/self/status"):
        image = forged(content={"path": path, "sha256": DIGEST})
        assert f"its content {path} was not found; name the file" in again(capsys, image, "--trust-paths")


def test_what_takes_hours_or_more_memory_than_there_is_needs_a_yes(here, capsys, monkeypatch):
    monkeypatch.setattr(pair, "stylize_pair", lambda job, show, **_: 1 / 0)
    for changed in ({"iterations": 10**6, "size": 512}, {"iterations": 1, "size": 16384}):
        image = forged(settings=SETTINGS | {"network": "vgg19"} | changed)
        told = again(capsys, image)
        assert f"forged.png: {changed['iterations']:,} iterations at size {changed['size']} take about " in told
        assert told.endswith("; add --yes to run it, or use a smaller --size or fewer --iterations\n")
        with pytest.raises(ZeroDivisionError):
            main(["reproduce", image, "-o", "new.png", "--yes", "--device", "cpu"])


def test_what_is_shown_obeys_no_terminal(here, capsys):
    image = forged(nst="\x1b[2J", id="\x1b]0;title\x07")
    assert main(["reproduce", image, "--show"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_little_text_does_not_unpack_to_gigabytes(tmp_path):
    """1.4 MB stood for 2.4 GB: in our own packing, and in a chunk of PNG."""
    packed = zlib.compress(json.dumps({"nst": {"a": " " * 50_000_000}}).encode(), 9)
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("nst", "nst:zlib:" + base64.b64encode(packed).decode())
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=chunks)
    whole = (tmp_path / "a.png").read_bytes()
    body = b"zTXtnst\0\0" + packed
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:-12] + chunk + whole[-12:])
    for name in ("a.png", "b.png"):
        with pytest.raises(NstError, match="has no metadata of nst"):
            read_metadata(tmp_path / name)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_what_other_tools_make_of_a_png_is_read(tmp_path, kind):
    """They write other chunks, and put them behind the pixels."""
    text = b'{"nst": {"a": 1}}'
    body = {
        "tEXt": b"nst\0" + text, "zTXt": b"nst\0\0" + zlib.compress(text),
        "iTXt": b"nst\0\1\0en\0key\0" + zlib.compress(text),
    }[kind]  # fmt: skip
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    whole, body = (tmp_path / "a.png").read_bytes(), kind.encode() + body
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(whole[:-12] + chunk + whole[-12:])
    assert read_metadata(tmp_path / "a.png") == {"a": 1}


def test_an_image_that_is_older_than_a_setting_keeps_what_it_meant(here, monkeypatch):
    monkeypatch.setitem(ADDED, "tolerance", 0.5)  # not the default
    older = {name: value for name, value in SETTINGS.items() if name != "tolerance"}
    assert origin("a.png", record(settings=older)).settings["tolerance"] == 0.5
    assert origin("a.png", record()).settings["tolerance"] == 0


def test_a_snapshot_that_depends_on_the_whole_run_is_refused(here):
    made = record(iteration=1, settings=SETTINGS | {"tolerance": 0.1})
    assert origin("a.png", made).settings["tolerance"] == 0  # else it could end earlier than the snapshot
    with pytest.raises(NstError, match="style_loss nnst it depends on the total number of iterations"):
        origin("a.png", record(iteration=1, settings=SETTINGS | {"style_loss": "nnst", "network": "vgg19"}))
