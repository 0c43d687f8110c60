"""The commands that make images, as a person types them: what they refuse, write and report."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gridfiles import table
from nst import commands, weights
from nst.cli import COMMANDS, main
from nst.commands.targets import _named, targets
from nst.images import read_metadata, write_picture
from nst.io import asking
from synthetic import color, write_results

#: Of the grid with two contents, a style and two settings.
SWEEPS = ("sweeps/cat--wave", "sweeps/dog--wave")
SMALL = ["--size", "32", "--iterations", "2", "--content-layers", "conv1_1", "--style-layers", "conv1_1"]
SMALL += ["--precision", "fp32", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def here(tmp_path, monkeypatch, scene, stripes, untrained_folder):
    """A working folder with a content and two styles."""
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    monkeypatch.chdir(tmp_path)
    for name, pixels in {"a.png": scene, "s.png": stripes, "t.png": np.ascontiguousarray(stripes[::-1])}.items():
        write_picture(tmp_path / name, pixels)
    return tmp_path


def run(capsys, *words):
    """(exit status, stdout, stderr) of a command."""
    status = main([str(word) for word in words])
    return status, *capsys.readouterr()


PRESET = "the preset transformation-network has"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--ema-decay 0.9", ["--ema-decay requires --optimizer adam or rmsprop"]),
        ("--style-weight 1,5 --size x", ["--style-weight: '1,5' is not a number; write 1.5", "--size: 'x' is not all"]),
        ("--snapshot-interval 5", ["--snapshot-interval requires --record FOLDER"]),
        (
            "--preset transformation-network --optimizer lbfgs",
            [
                f"--learning-rate-decay requires --optimizer adam or rmsprop; {PRESET} learning_rate_decay 0.9",
                f"--parameters network requires --optimizer adam or rmsprop; {PRESET} parameters network",
            ],
        ),
    ],
)
def test_errors_name_the_flags_that_were_typed(here, capsys, flags, told):
    status, out, err = run(capsys, "stylize", "a.png", "s.png", "-o", "out.png", *flags.split())
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(f"nst: {start}") for line, start in zip(lines, told, strict=True))


def process(folder, *words, code="from nst.__main__ import main; raise SystemExit(main())"):
    """(exit status, stderr) of a command in a process of its own, which must not wait for ever."""
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to, such as /proc")
@pytest.mark.parametrize("place", [("-o", "/proc/x.png"), ("-o", "x.png", "--record", "/proc/x")])
def test_a_place_that_cannot_be_written_is_refused_at_once(here, place):
    status, err = process(here, "stylize", "a.png", "s.png", *place, *SMALL)
    assert (status, len(err.splitlines())) == (1, 1)
    assert re.match(r"nst: /proc(/x)?: cannot be written \(.*\); choose a writable folder", err)


def test_a_working_folder_that_is_gone_is_a_message(here):
    (here / "gone").mkdir()
    code = "import os; os.rmdir(os.getcwd()); from nst.__main__ import main; raise SystemExit(main())"
    status, err = process(here / "gone", "settings", code=code)
    assert status == 1
    assert err == "nst: the working directory cannot be used (No such file or directory); change to another one\n"


@pytest.mark.parametrize("gigabytes", [1, 2])
def test_too_little_address_space_is_one_message(here, gigabytes):
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({gigabytes << 30},) * 2); "
        "from nst.__main__ import main; "
        "sys.argv = ['nst', 'stylize', 'a.png', 's.png', '-o', 'b.png']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("nst: too little memory or address space (")
    assert line.endswith("; allow the process more (ulimit -v, or the memory that the cluster job requests)")
    assert not Path("b.png").exists()


@pytest.mark.parametrize("module", ["nst.errors", "nst.worker.client", "nst.cli", "nst.commands.stylize", "torch"])
def test_ctrl_c_while_modules_are_loaded_prints_no_traceback(here, module):
    code = f"""
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from nst.__main__ import main
raise SystemExit(main())
"""
    status, err = process(here, "stylize", "a.png", "s.png", *SMALL, code=code)
    assert (status, err.strip()) == (130, "")


def stylize(capsys, *words):
    return run(capsys, "stylize", *words, *SMALL)


def spellings(here, name):
    """Other names of a file: a path with `..`, an absolute one, a symlink, a hard link."""
    (here / "sub").mkdir()
    (here / "link.png").symlink_to(here / name)
    (here / "hard.png").hardlink_to(here / name)
    return [name, f"sub/../{name}", here / name, "link.png", "hard.png"]


@pytest.mark.parametrize("name", ["a.png", "s.png"])
def test_an_output_is_no_input_however_it_is_spelled(here, capsys, name):
    before = (here / name).read_bytes()
    for output in spellings(here, name):
        status, _, err = stylize(capsys, "a.png", "s.png", "-o", output, "--force")
        assert status == 1
        assert err.startswith(f"nst: {output}: is an input of this command")
        assert len(err.splitlines()) == 1
    assert (here / name).read_bytes() == before


def test_no_picture_that_settings_name_is_an_output(here, capsys):
    write_picture(here / "mask.png", np.ones((40, 48, 3), np.float32))
    for flag in ("--init", "--content-mask"):
        status, _, err = stylize(capsys, "a.png", "s.png", "-o", "mask.png", flag, "mask.png", "--force")
        assert (status, err) == (1, "nst: mask.png: is an input of this command; choose another output\n")
    weights = here / "w.png"
    weights.write_bytes(b"weights")
    status, _, err = stylize(capsys, "a.png", "s.png", "-o", "w.png", "--weights", "w.png", "--force")
    assert (status, err) == (1, "nst: w.png: is an input of this command; choose another output\n")


def test_a_record_replaces_no_input(here, capsys):
    (here / "rec/snapshots").mkdir(parents=True)
    (here / "rec/snapshots/mine.png").write_bytes((here / "a.png").read_bytes())
    status, _, err = stylize(capsys, "rec/snapshots/mine.png", "s.png", "-o", "out.png", "--record", "rec", "--force")
    assert status == 1
    assert "rec/snapshots: is an input of this command" in err
    assert (here / "rec/snapshots/mine.png").exists()


def test_a_picture_of_somebody_else_is_overwritten_only_if_told_so(here, capsys, monkeypatch):
    mine = here / "t.png"
    before = mine.read_bytes()
    words = ("a.png", "s.png", "-o", "t.png")
    status, _, err = stylize(capsys, *words)
    assert status == 1
    assert err == "nst: t.png: exists and was not made by nst; choose another output, or add --force to overwrite\n"
    monkeypatch.setattr(asking, "can_ask", lambda: True)
    for answer in ("", "n\n", "what?\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        status, _, err = stylize(capsys, *words)
        assert status == 1
        assert err.startswith("t.png: exists and was not made by nst. Overwrite? [y/N] nst: t.png: not overwritten;")
    assert mine.read_bytes() == before
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert stylize(capsys, *words)[0] == 0
    monkeypatch.setattr(asking, "can_ask", lambda: False)
    assert stylize(capsys, *words)[0] == 0  # ours by now
    mine.write_bytes(before)
    assert stylize(capsys, *words, "--force")[0] == 0
    assert read_metadata(mine)["settings"]["size"] == 32


@pytest.mark.parametrize("name", ["snapshots/mine.png", "losses.csv", "animation.gif"])
def test_a_folder_of_somebody_else_is_no_record(here, capsys, name):
    mine = here / "rec" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    words = ("a.png", "s.png", "-o", "rec/out.png", "--record", "rec")
    status, _, err = stylize(capsys, *words)
    found = name.partition("/")[0]
    assert (status, err.startswith(f"nst: rec: has {found}, which nst did not make; choose")) == (1, True)
    assert mine.read_text() == "mine"
    assert stylize(capsys, *words, "--force")[0] == 0
    assert stylize(capsys, *words)[0] == 0  # an earlier record of ours


def test_what_nst_has_made_is_no_picture_of_somebody_else(here, capsys):
    """A sheet, a plot and an animation are made again without a question; a photo in their place is not."""
    pair = "results/pairs/a/s/x"
    assert (
        stylize(capsys, "a.png", "s.png", "-o", f"{pair}/image.png", "--record", pair, "--frame-interval", "1")[0] == 0
    )
    table("content,style,name\na.png,s.png,x\n")
    Path("results/grid.csv").write_text(run(capsys, "grid", "manifest.csv", "--csv")[1])
    makers = {
        "sheet.png": ("sheet", "results/grid.csv", "--settings", "x"),
        "sheet.jpg": ("sheet", "results/grid.csv", "--settings", "x"),
        "plot.png": ("plot", "results/grid.csv", "--settings", "x"),
        "clip.gif": ("animate", pair),
    }
    for name, maker in makers.items():
        assert run(capsys, *maker, "-o", name)[0] == 0
        assert run(capsys, *maker, "-o", name)[::2] == (0, "")
        Image.new("RGB", (8, 8)).save(name)
        status, _, err = run(capsys, *maker, "-o", name)
        assert (status, "was not made by nst" in err) == (1, True)
        assert run(capsys, *maker, "-o", name, "--force")[0] == 0
    result = f"{pair}/image.png"
    for name in ("sheet.png", "plot.png"):
        status, _, err = run(capsys, *makers[name], "-o", result)
        assert (status, err) == (1, f"nst: {result}: is an input of this command; choose another output\n")


def test_other_commands_refuse_their_inputs_too(here, capsys):
    table("content,style\na.png,s.png\n")
    Path("comparison.csv").write_text(run(capsys, "grid", "manifest.csv", "--csv")[1])
    Path("c.yaml").write_text("bundle: 1\n")
    cases = [
        ("tables", "comparison.csv", "-o", "."),
        ("apply", "net.safetensors", "a.png", "-o", "a.png"),
        ("bundle", "manifest.csv", "x", "--config", "c.yaml", "-o", "manifest.csv", "--work", "w", "--logs", "l"),
        ("weights", "vgg19", "--record", weights.find("vgg19")),
    ]
    for words in cases:
        status, _, err = run(capsys, *words)
        assert (status, "is an input of this command" in err) == (1, True), words
    assert run(capsys, "fetch", "http://127.0.0.1:9/x.png", "-o", "t.png")[2].startswith("nst: t.png: exists and was")


def test_commands_of_summaries_take_the_results_of_the_folder(here, capsys):
    write_results(here / "results", ["lake"], ["wave"], {"default": {}})
    for words in (), ("results",), ("results/grid.csv",):
        shutil.rmtree("t", ignore_errors=True)
        assert run(capsys, "tables", *words, "-o", "t")[0] == 0, words
        assert Path("t/comparison.csv").is_file(), words


def test_without_output_the_name_is_made_of_both(here, capsys, caplog):
    caplog.set_level("INFO")
    status, out, _ = stylize(capsys, "a.png", "s.png")
    assert (status, out.partition(":")[0]) == (0, "a--s.png")
    assert "replaces" not in caplog.text
    assert stylize(capsys, "a.png", "s.png", "--style-weight", "3")[0] == 0
    assert "a--s.png: replacing an earlier result that was made with style_weight 16" in caplog.text
    assert stylize(capsys, "a.png", "s.png:0.7+t.png:0.3")[1].startswith("a--s+t.png: ")
    (here / "sub").mkdir()
    assert stylize(capsys, "a.png", "s.png:0.7", "t.png:0.3", "-o", "sub")[1].startswith("sub/a--s+t.png: ")
    Path("a--t.png").write_bytes(Path("a.png").read_bytes())
    assert "a--t.png: exists and was not made by nst" in stylize(capsys, "a.png", "t.png")[2]


def test_a_blend_needs_weights(here, capsys):
    status, _, err = stylize(capsys, "a.png", "s.png", "t.png")
    assert status == 1
    [line] = err.splitlines()
    assert "s.png:0.5 t.png:0.5, or s.png:0.5+t.png:0.5; for several contents, give their folder" in line
    assert "s.png:3 t.png:0.5, or" in stylize(capsys, "a.png", "s.png:3", "t.png")[2]
    Path("odd:1.png").write_bytes(Path("s.png").read_bytes())
    Path("odd:2").write_bytes(Path("s.png").read_bytes())
    assert stylize(capsys, "a.png", "odd:1.png:1", "odd:2:1", "-o", "o.png")[0] == 0
    assert "several styles need weights" in stylize(capsys, "a.png", "s.png:1", "odd:2", "-o", "o.png")[2]


def test_each_content_of_a_folder_has_its_own_output():
    contents = [Path("photos", name) for name in ("a.jpg", "a.png", "a.jpg.webp", "B.jpg", "c.tif")]
    names = [path.name for _, path in _named(contents, (("me.png", 1.0),), Path("out"))]
    assert names == ["a.jpg--me.png", "a.png--me.png", "a.jpg.webp--me.png", "B--me.png", "c--me.png"]


def test_a_folder_that_cannot_be_read(here, capsys, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    (here / "photos").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    status, _, err = stylize(capsys, "photos", "s.png", "-o", "out")
    assert (status, err) == (1, "nst: photos: cannot be read (Permission denied); check its permissions\n")


def test_a_folder_of_contents(here, capsys):
    (here / "photos").mkdir()
    for name in ("b.png", "B.jpg", "c.PNG", "me.png"):
        source = here / ("s.png" if name == "me.png" else "a.png")
        (here / "photos" / name).write_bytes(source.read_bytes())
    (here / "photos/broken.png").write_text("no image")
    (here / "photos/notes.txt").write_text("no image")
    words = ("photos", "photos/me.png", "-o", "out", "--record", "rec")
    status, out, err = stylize(capsys, *words)
    assert status == 1
    stems = ["B.jpg", "b.png", "broken", "c"]
    assert [line.partition("--me.png: ")[0] for line in out.splitlines()] == [f"out/{stem}" for stem in stems]
    assert [line for line in err.splitlines() if "iteration" not in line] == [
        "nst: 1 of 4 images failed; run the same command again to stylize them",
        "nst: photos/broken.png: is not an image in a supported format; convert it to JPEG, PNG, TIFF, WebP, HEIC, "
        "AVIF, BMP or GIF",
    ]
    assert sorted(path.name for path in (here / "out").iterdir()) == ["B.jpg--me.png", "b.png--me.png", "c--me.png"]
    assert (here / "rec/c--me/run.json").exists()


def test_a_folder_is_resumed(here, capsys):
    (here / "photos").mkdir()
    for name in ("b.png", "c.png"):
        (here / "photos" / name).write_bytes((here / "a.png").read_bytes())
    words = ("photos", "s.png", "-o", "out")
    assert stylize(capsys, *words)[0] == 0
    (here / "out/b--s.png").unlink()
    before = (here / "out/c--s.png").stat().st_mtime_ns
    status, out, _ = stylize(capsys, *words)
    assert status == 0
    assert out.splitlines()[1] == "out/c--s.png: up to date, made from the same files and settings"
    assert (here / "out/c--s.png").stat().st_mtime_ns == before
    out = stylize(capsys, *words, "--style-weight", "3")[1]
    assert "up to date" not in out
    write_picture(here / "photos/b.png", np.full((40, 48, 3), 0.5, np.float32))
    out = stylize(capsys, *words, "--style-weight", "3")[1]
    assert ["up to date" in line for line in out.splitlines()] == [False, True]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "photos is a folder; give a folder for the results with -o"),
        (["-o", "out.png"], "photos is a folder; -o must be a folder too, not out.png"),
        (["-o", "photos"], "photos: is the folder of the contents; give another folder"),
        (["-o", "out"], "photos: contains no images to stylize (.jpg"),
    ],
)
def test_a_folder_needs_pictures_and_a_folder(here, capsys, words, told):
    (here / "photos").mkdir()
    status, _, err = stylize(capsys, "photos", "s.png", *words)
    assert (status, err.startswith(f"nst: {told}")) == (1, True), err


def test_long_names_fit_into_a_file_system(here, capsys):
    contents = ["ü" * 110 + letter for letter in "ab"]
    names = [targets(f"{name}.png", (("s.png", 1.0),), None)[0][1].name for name in contents]
    assert all(len(name.encode()) < 215 for name in names)
    assert len(set(names)) == 2
    assert stylize(capsys, "ü" * 200, "s.png")[2].endswith(
        "cannot be read (File name too long); check the path and its permissions\n"
    )


@pytest.fixture
def made(here, capsys):
    """An image of nst's, of a blend."""
    assert stylize(capsys, "a.png", "s.png:0.7+t.png:0.3", "-o", "made.png", "--style-weight", "3")[0] == 0
    return here / "made.png"


def again(capsys, *words):
    return run(capsys, "reproduce", *words, "--device", "cpu", "--threads", "1")


def test_moved_inputs_can_be_named(made, capsys):
    Path("moved").mkdir()
    for name in ("a.png", "s.png", "t.png"):
        Path(name).rename(f"moved/{name}")
    status, _, err = again(capsys, "made.png", "-o", "new.png")
    assert status == 1
    assert [line.partition(" was not found; ")[2].partition(" FILE")[0] for line in err.splitlines()] == [
        "name the file with --content", "name the file with --style", "name the file with --style",
    ]  # fmt: skip
    moved = ("--content", "moved/a.png", "--style", "moved/s.png", "--style", "moved/t.png")
    assert again(capsys, "made.png", "-o", "new.png", *moved)[0] == 0
    assert (np.asarray(Image.open("new.png")) == np.asarray(Image.open("made.png"))).all()
    swapped = ("--content", "moved/a.png", "--style", "moved/t.png", "--style", "moved/s.png")
    status, _, err = again(capsys, "made.png", "-o", "other.png", *swapped)
    assert status == 1
    assert err.startswith("nst: moved/t.png: is not the style of made.png: the SHA-256 differs; to use another image")
    status, _, err = again(capsys, "made.png", "-o", "other.png", "--style", "moved/s.png")
    assert err == "nst: --style: made.png has 2 styles, not 1; name each, in the order of s.png, t.png\n"
    assert not Path("other.png").exists()


def test_again_replaces_neither_the_picture_nor_its_inputs(made, capsys):
    for name in ("made.png", "a.png", "t.png"):
        before = Path(name).read_bytes()
        status, _, err = again(capsys, "made.png", "-o", name, "--force")
        assert (status, err) == (1, f"nst: {name}: is an input of this command; choose another output\n")
        assert Path(name).read_bytes() == before


def test_what_a_picture_carries_is_listed_with_what_differs_first(made, capsys):
    status, out, err = run(capsys, "reproduce", "made.png", "--show")
    assert (status, err) == (0, "")
    head, changed, usual = out.split("\n\n")
    assert head.splitlines()[:2] == ["content  a.png", "style    s.png:0.7+t.png:0.3"]
    assert "  style_weight         3  [16]" in changed
    assert "  size                 32  [512]" in changed
    assert [line.split()[0] for line in (changed + usual).splitlines() if line.startswith("  ")].count("size") == 1
    assert "  pooling              max" in usual
    assert run(capsys, "reproduce", "made.png")[2].startswith("nst: name the image to write with -o, or use --show")
    assert "[default: 16]" not in run(capsys, "reproduce", "--help")[1]


def test_another_size_is_said_to_be_another_picture(made, capsys, caplog):
    caplog.set_level("INFO")
    assert again(capsys, "made.png", "-o", "larger.png", "--size", "40")[0] == 0
    assert "size 40 instead of 32 gives a different image, with finer strokes" in caplog.text
    assert again(capsys, "made.png", "-o", "same.png")[0] == 0
    assert caplog.text.count("gives a different image") == 1


def test_again_names_the_flag_or_the_picture(made, capsys):
    assert again(capsys, "made.png", "-o", "x.png", "--ema-decay", "0.5")[2] == (
        "nst: --ema-decay requires --optimizer adam or rmsprop; made.png has optimizer lbfgs\n"
    )


def test_a_message_comes_with_its_traceback_where_it_is_asked_for(monkeypatch, capsys):
    assert main(["stylize", "absent.jpg", "absent.png"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("NST_DEBUG", "1")
    assert main(["stylize", "absent.jpg", "absent.png"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("nst: absent.jpg: ")


def test_every_sheet_and_every_plot_of_a_grid(here, capsys):
    """`--all`: a file a settings-name, a file a pair that has several, and the names of all that was written."""
    ways = {"plain": {}, "strong": {"style_weight": 50}}
    grid = write_results(here / "results", ["cat", "dog"], ["wave"], ways)
    sheets = [f"{n}.{kind}" for n in ("plain", "strong", *SWEEPS) for kind in ("png", "html")]
    plots = [*(f"losses/{n}.png" for n in ("plain", "strong", *SWEEPS)), "errors.png"]
    for command, folder, wanted in (("sheet", "sheets", sheets), ("plot", "plots", plots)):
        status, out, err = run(capsys, command, grid, "--all", "-o", folder)
        assert (status, err) == (0, "")
        assert sorted(out.splitlines()) == sorted(f"{folder}/{name}" for name in wanted)
        written = {path.relative_to(here / folder).as_posix() for path in (here / folder).rglob("*.*")}
        assert written == set(wanted)
        for name in wanted:
            if name.endswith(".png"):
                with Image.open(here / folder / name) as image:
                    assert min(image.size) > 100
    with Image.open("sheets/strong.png") as image:
        colors = {found for _, found in image.getcolors(image.width * image.height)}
    assert {color(0, 0, 1), color(1, 0, 1)} <= colors  # both contents with these settings
    assert not {color(0, 0, 0), color(1, 0, 0)} & colors  # and none with others


@pytest.mark.parametrize("command", ["sheet", "plot"])
def test_all_goes_with_no_choice_and_needs_a_grid(here, capsys, command):
    grid = write_results(here / "results", ["cat"], ["wave"], {"plain": {}})
    status, _, err = run(capsys, command, grid, "--all", "--settings", "plain", "-o", "out")
    assert (status, err.startswith("nst: choose one of ")) == (1, True)
    status, _, err = run(capsys, command, "nowhere/grid.csv", "--all", "-o", "out")
    assert (status, err.startswith("nst: nowhere/grid.csv: ")) == (1, True)
    assert not Path("out").exists()


@pytest.mark.parametrize(("command", "names"), [("sheet", ["plain.png"]), ("plot", ["losses/plain.png", "errors.png"])])
def test_all_overwrites_no_image_of_others_and_no_input(here, capsys, command, names):
    grid = write_results(here / "results", ["cat"], ["wave"], {"plain": {}})
    words = (command, grid, "--all", "-o", "out")
    for name in names:
        mine = here / "out" / name
        mine.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(mine)
        before = mine.read_bytes()
        status, out, err = run(capsys, *words)
        assert (status, out) == (1, "")
        assert err.startswith(f"nst: out/{name}: exists and was not made by nst; choose another output, or add --force")
        assert mine.read_bytes() == before
        assert run(capsys, *words, "--force")[0] == 0
        assert run(capsys, *words)[0] == 0  # ours by now
    (here / "out" / names[0]).unlink()
    (here / "out" / names[0]).hardlink_to(next((here / "results/pairs").rglob("image.*")))
    status, _, err = run(capsys, *words, "--force")
    assert (status, f"out/{names[0]}: is an input of this command" in err) == (1, True)


def test_all_sheets_are_in_one_folder(here, capsys):
    grid = write_results(here / "results", ["cat"], ["wave"], {"plain": {}})
    status, _, err = run(capsys, "sheet", grid, "--all", "-o", "out", "-o", "more")
    assert (status, err.startswith("nst: --all writes into one folder; give -o once")) == (1, True)
    assert not Path("out").exists()


def test_no_subcommand_imports_another():
    folder = Path(commands.__file__).parent
    for name in COMMANDS:
        text = (folder / f"{name}.py").read_text()
        imported = re.findall(r"from nst\.commands\.(\w+) import", text)
        imported += re.findall(r"\w+", " ".join(re.findall(r"from nst\.commands import (.+)", text)))
        assert not {*imported} & {*COMMANDS}, name
