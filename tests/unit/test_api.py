"""What `import nst` offers: one call for one image, from files, Pillow images or arrays."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nst
from nst.cli import main
from nst.errors import NstError
from nst.images import read_metadata, read_picture, write_picture
from nst.io import weight_files
from nst.networks import oxford

SMALL = {"network": "lite", "size": 32, "iterations": 3, "device": "cpu"}


@pytest.fixture
def files(tmp_path, monkeypatch, scene, stripes):
    monkeypatch.chdir(tmp_path)
    write_picture("photo.png", scene)
    write_picture("painting.png", stripes)
    return tmp_path


def test_files_arrays_and_pillow_images_give_the_same(files):
    arrays = [read_picture(name).pixels for name in ("photo.png", "painting.png")]
    pillow = [Image.open(name) for name in ("photo.png", "painting.png")]
    levels = [np.asarray(image) for image in pillow]
    first, *others = [nst.stylize(*pair, **SMALL) for pair in (("photo.png", "painting.png"), arrays, pillow, levels)]
    assert first.pixels.shape == (27, 32, 3)
    for other in others:
        assert np.array_equal(first.pixels, other.pixels)
        assert other.losses == first.losses


def test_in_memory_it_is_the_image_that_the_command_writes(files):
    found = nst.stylize("photo.png", "painting.png", **SMALL)
    found.save("ours.png")
    flags = ["--network", "lite", "--size", "32", "--iterations", "3", "--device", "cpu"]
    assert main(["stylize", "photo.png", "painting.png", "-o", "command.png", *flags]) == 0
    record = nst.stylize_files("photo.png", "painting.png", "function.png", **SMALL)
    images = [read_picture(name).pixels for name in ("ours.png", "command.png", "function.png")]
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2])
    carried = [read_metadata(name) for name in ("ours.png", "command.png", "function.png")]
    assert carried[1] == carried[2]
    assert carried[0] == {name: value for name, value in carried[1].items() if name != "key"}  # of an unfinished run
    assert record["output"]["path"] == "function.png"
    assert record["metrics"]["style_error"] > 0


def test_evaluate_takes_files_arrays_and_pillow_images(files, untrained_folder, capsys):
    weights = str(untrained_folder / "vgg19.pth")
    names = ("photo.png", "photo.png", "painting.png")
    arrays = [read_picture(name).pixels for name in names]
    first, *others = [
        nst.evaluate(*images, weights=weights, device="cpu")
        for images in (names, arrays, [Image.open(name) for name in names])
    ]
    assert isinstance(first, nst.Metrics)
    assert first.content_error == 0 < first.style_error
    assert all(other == first for other in others)
    command = ["evaluate", names[0], "--content", names[1], "--style", names[2], "--weights", weights, "--json"]
    assert main([*command, "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out) == first.as_dict()


def test_evaluate_weighs_the_styles_of_a_blend(files, untrained_folder):
    known = {"weights": str(untrained_folder / "vgg19.pth"), "device": "cpu"}
    blends = (["photo.png", "painting.png"], [("photo.png", 3.0), ("painting.png", 1.0)], "photo.png:3+painting.png")
    even, *uneven = [nst.evaluate("photo.png", "photo.png", style, **known).style_error for style in blends]
    assert uneven[0] == uneven[1] < even


def test_stylize_files_refuses_images_in_memory(files):
    image = Image.new("RGB", (8, 8))
    for arguments, what in (((image, "painting.png"), "content"), (("photo.png", [image, "painting.png"]), "style 1")):
        with pytest.raises(NstError, match=f"{what}: nst.stylize_files takes paths; use nst.stylize for images in me"):
            nst.stylize_files(*arguments, **SMALL)
    with pytest.raises(NstError, match=r"init: nst\.stylize_files takes paths"):
        nst.stylize_files("photo.png", "painting.png", init=image, **SMALL)


def test_the_network_is_named_in_the_image(files):
    nst.stylize("photo.png", "painting.png", size=32, iterations=1, device="cpu").save("one.png")
    known = read_metadata("one.png")["weights"]
    assert known == {"network": "vgg19", "source": oxford.SOURCE, "sha256": weight_files.OXFORD_SHA256}
    assert "Simonyan & Zisserman, CC BY 4.0" in known["source"]


def test_a_saved_image_can_be_made_again(files):
    nst.stylize("photo.png", "painting.png", style_weight=3, **SMALL).save("one.png")
    assert main(["reproduce", "one.png", "-o", "two.png", "--device", "cpu"]) == 0
    assert np.array_equal(read_picture("one.png").pixels, read_picture("two.png").pixels)
    assert json.dumps(read_metadata("two.png")["settings"]["style_weight"]) == "3.0"


def test_each_iteration_is_reported_with_an_image(files):
    seen = []
    result = nst.stylize(
        "photo.png", "painting.png", on_progress=lambda event: seen.append((event.losses, event.picture())), **SMALL
    )
    assert [row["iteration"] for row in result.history] == [1, 2, 3]
    assert [losses["total"] for losses, _ in seen] == [row["total"] for row in result.history]
    assert all(picture.shape == result.pixels.shape for _, picture in seen)


def test_a_notebook_and_pillow_get_the_image(files):
    result = nst.stylize("photo.png", "painting.png", **SMALL)
    assert repr(result).startswith(f"<Stylized {result.pixels.shape[1]}×{result.pixels.shape[0]} px, ")
    assert len(repr(result)) < 200
    assert result.size == result.image().size
    with Image.open(io.BytesIO(result._repr_png_())) as shown:
        assert np.array_equal(np.asarray(shown), np.asarray(result.image()))
    assert np.abs(np.asarray(result.image()) / 255 - result.pixels).max() <= 0.5 / 255 + 1e-6


def test_transparency_of_the_content_stays(files, scene):
    alpha = np.zeros(scene.shape[:2], np.float32)
    alpha[:, 20:] = 1
    cut = np.dstack([scene, alpha])
    result = nst.stylize(cut, "painting.png", **SMALL)
    assert result.alpha.shape == (27, 32)
    assert result.image().mode == "RGBA"
    result.save("cut.png")
    assert read_picture("cut.png").alpha[0, 0] == 0
    path = Path("cut.png")
    first = nst.stylize(path, "painting.png", **SMALL)
    first.alpha[:] = 1
    assert nst.stylize(path, "painting.png", **SMALL).alpha[0, 0] == 0


def test_blends_presets_and_inputs_in_memory(files, scene, stripes):
    how = SMALL | {"network": "lite"}
    two = nst.stylize(scene, [(stripes, np.float32(3)), ("photo.png", 1)], **how)
    assert [part["weight"] for part in two.metadata["style"]] == [0.75, 0.25]
    text = nst.stylize(scene, "painting.png:3+photo.png", **how)
    assert [part["weight"] for part in text.metadata["style"]] == [0.75, 0.25]
    assert nst.stylize(scene, stripes, preset="draft", size=32, iterations=2).settings.network == "lite"
    named = nst.stylize(scene, stripes, nst.Settings(preset="draft", size=32), iterations=2)
    assert (named.settings.network, named.settings.size, named.settings.iterations) == ("lite", 32, 2)
    started = nst.stylize(scene, stripes, init=np.zeros_like(scene), **(how | {"iterations": 1}))
    assert started.pixels.mean() < nst.stylize(scene, stripes, **(how | {"iterations": 1})).pixels.mean()
    from_file = nst.stylize(scene, stripes, nst.Settings(init="photo.png"), **(how | {"iterations": 1}))
    assert [each["path"] for each in from_file.metadata["pictures"]] == ["photo.png"]
    mask = np.zeros(scene.shape[:2])
    mask[:, 24:] = 1
    half = nst.stylize(scene, stripes, content_mask=mask, **how)
    assert half.metadata["settings"]["content_mask"] == "<content_mask>"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nst.stylize("photo.png", "nowhere.png"), "nowhere.png: there is no such file"),
        (lambda: nst.stylize("photo.png", "painting.png", style_wieght=3), "did you mean style_weight"),
        (
            lambda: nst.stylize("photo.png", "painting.png", device="cuda:0"),
            "device 'cuda:0' is not known; use auto, cuda",
        ),
        (lambda: nst.stylize("photo.png", []), "style: the list is empty"),
        (lambda: nst.stylize("photo.png", [("painting.png", -1)]), "numbers above 0"),
        (lambda: nst.stylize("photo.png", ["painting.png", "painting.png"]), "given twice"),
        (lambda: nst.stylize(np.zeros((4, 4, 2)), "painting.png"), r"content: an array must have the shape"),
        (
            lambda: nst.stylize(np.full((20, 20, 3), 255.0), "painting.png"),
            "content: .* divide values from 0 to 255 by 255",
        ),
        (lambda: nst.stylize(np.zeros((20, 20, 3), int), "painting.png"), "content: an array must be uint8"),
        (lambda: nst.stylize("photo.png", np.full((20, 20, 3), np.nan)), "style 1: floating-point values"),
    ],
)
def test_what_is_wrong_is_one_message(files, call, message):
    with pytest.raises(NstError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_an_input_is_never_overwritten(files):
    result = nst.stylize("photo.png", "painting.png", **SMALL)
    before = (files / "painting.png").read_bytes()
    with pytest.raises(NstError, match="is an input of this command"):
        result.save(files / "painting.png")
    assert (files / "painting.png").read_bytes() == before
    Image.new("RGB", (20, 20)).save("own.png")
    with pytest.raises(NstError, match="not made by nst"):
        nst.stylize_files("photo.png", "painting.png", "own.png", **SMALL)
    with pytest.raises(NstError, match="is an input"):
        nst.stylize_files("photo.png", "painting.png", "painting.png", force=True, **SMALL)
    assert nst.stylize_files("photo.png", "painting.png", "own.png", force=True, **SMALL)["output"]["width"] == 32
    assert nst.stylize_files("photo.png", "painting.png", **SMALL)["output"]["path"] == "photo--painting.png"


def test_what_cannot_be_written_is_refused_before_any_work(files):
    with pytest.raises(NstError, match=r"out\.gif: cannot write \.gif"):
        nst.stylize_files("photo.png", "painting.png", "out.gif", **SMALL)
    (files / "mine/snapshots").mkdir(parents=True)
    (files / "mine/snapshots/holiday.jpg").touch()
    with pytest.raises(NstError, match=r"mine: has snapshots, which nst did not make; .* force=True"):
        nst.stylize_files("photo.png", "painting.png", "out.png", record="mine", **SMALL)
    assert (files / "mine/snapshots/holiday.jpg").exists()
    (files / "text.png").write_text("not an image")
    (files / "empty.png").touch()
    with pytest.raises(NstError, match=r"text\.png: exists and was not made by nst"):
        nst.stylize_files("photo.png", "painting.png", "text.png", **SMALL)
    assert nst.stylize_files("photo.png", "painting.png", "empty.png", **SMALL)["output"]["width"] == 32


def test_a_name_that_no_record_could_hold_is_refused(files, capsys):
    name = os.fsdecode(b"caf\xe9.png")
    (files / "photo.png").rename(files / name)
    assert main(["stylize", name, "painting.png", "--network", "lite"]) == 1
    assert "'caf\\udce9.png': the name is not valid UTF-8; use another name" in capsys.readouterr().err
    (files / name).rename(files / "photo.png")
    with pytest.raises(NstError, match="not valid UTF-8"):
        nst.stylize_files("photo.png", "painting.png", name, **SMALL)
