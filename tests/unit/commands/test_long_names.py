"""A name that no file system can have is a file that is not there: one message, and lists of many files work."""

from __future__ import annotations

import pytest

from gridfiles import picture, table
from nst.cli import main
from nst.errors import NstError
from nst.grid.cells import parse_styles
from nst.grid.config import Config
from nst.grid.pairs import read_grid

LONG = "x" * 300 + ".jpg"  # a part of a path has at most 255 bytes
SETTINGS = ("init", "weights", "content_mask", "style_mask", "protect", "preset")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture("a.png")


def test_a_cell_may_list_many_pictures():
    names = [picture(f"pictures/{number:03}-{'n' * 30}.png") for number in range(120)]
    pairs = read_grid(table(f"content,style\n{'|'.join(names)},a.png\n"))
    assert [pair.content for pair in pairs] == names


def test_a_blend_may_have_many_pictures():
    names = [picture(f"pictures/{number:03}-{'n' * 30}.png") for number in range(120)]
    assert [path for path, _ in parse_styles("+".join(names))] == names


def test_a_path_may_have_pluses_in_folders_and_names():
    names = [picture(name) for name in ("x+y/a+b+c.png", "x/a.png", "x+y/z+/d.png", f"{'+'.join('n' * 120)}.png")]
    assert [path for path, _ in parse_styles("+".join(names))] == names
    assert [path for path, _ in parse_styles(f"mean({'+'.join(names)})")] == names


@pytest.mark.parametrize("name", [LONG, f"folder/{LONG}", "a\0b.jpg", "a.png/b.jpg"])
@pytest.mark.parametrize("column", ["content", "style", *SETTINGS])
def test_a_name_that_no_file_can_have(column, name):
    cells = {"content": "a.png", "style": "a.png", column: name}
    with pytest.raises(NstError, match=f"^manifest.csv:2: {column}: ") as caught:
        read_grid(table(f"{','.join(cells)}\n{','.join(cells.values())}\n"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", [LONG, "a.png/b.jpg"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize", "NAME", "a.png"],
        ["stylize", "a.png", "NAME"],
        ["stylize", "a.png", "a.png", "-o", "NAME"],
        *(["stylize", "a.png", "a.png", f"--{setting.replace('_', '-')}", "NAME"] for setting in SETTINGS),
        ["stylize", "a.png", "a.png", "--record", "NAME"],
        ["stylize", "a.png", "a.png", "--work", "NAME"],
        ["stylize", "a.png", "a.png", "--presets", "NAME", "--preset", "b"],
        ["evaluate", "a.png", "--content", "NAME", "--style", "a.png"],
        ["grid", "NAME"],
        ["grid", "--config", "NAME"],
        ["apply", "NAME", "a.png", "-o", "out.png"],
    ],
    ids=" ".join,
)
def test_commands_say_so_too(arguments, name, capsys, tmp_path):
    command = [name if argument == "NAME" else argument for argument in arguments]
    assert main([*command, *(["--network", "lite", "--size", "16"] if command[0] == "stylize" else [])]) == 1
    [message] = capsys.readouterr().err.splitlines()
    assert message.startswith("nst: ")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png"}


def test_a_folder_that_may_not_be_looked_into(monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr("os.scandir", refuse)  # the tests may run as root, whom no mode keeps out
    with pytest.raises(NstError, match=r"closed/a\.png cannot be read \(Permission denied\)"):
        read_grid(table("content,style\nclosed/a.png,a.png\n"), Config())
