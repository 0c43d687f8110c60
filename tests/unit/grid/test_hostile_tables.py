"""Manifests and configurations that would take all memory, or for ever, are refused at once, with the true reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bounded import bounded
from gridfiles import picture, table
from nst import limits
from nst.cli import main
from nst.errors import NstError, Problems
from nst.grid.config import load_config
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid

NUMBERS = "|".join(map(str, range(1, 101)))
DEEP = f"settings: {'[' * 5000}"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

#: What is in a cell, or a whole manifest, and the reason.
CELLS = {
    "product of settings": (
        {"seed": NUMBERS, "size": NUMBERS, "iterations": NUMBERS, "snapshot_interval": NUMBERS},
        "the lists have 100,000,000 combinations; a row may have at most 10,000",
    ),
    "thousands of items": ({"content": "|".join(["a.png"] * 50_000)}, "50,000 items and blend parts in one cell"),
    "thousands of pluses": ({"style": "+".join(["a.png"] * 5_000)}, "a blend of 5,000 parts; at most 128"),
    "thousands of parentheses": ({"style": f"{'mean(' * 50_000}*"}, "its parentheses do not match"),
    "means in means": ({"style": f"{'mean(' * 50_000}*{')' * 50_000}"}, "is a mean within a mean"),
    "thousands of pluses in layers": (
        {"style_layers": "conv1_1+" * 20_000},
        "20,001 items and blend parts in one cell",
    ),
    "thousands of colons": ({"style": "a.png" + ":1" * 50_000}, "there is no file a.png:1:1"),
    "a long cell": ({"content": "a" * 1_500_000}, "a cell has more than 1,000,000 characters"),
    "a cell beyond csv's usual limit": ({"content": f"a.png|{'b' * 200_000}.png"}, "there is no file bbbb"),
    "no IPv6 address": ({"content": "http://[::1/a.jpg"}, "http://[::1/a.jpg is not a valid URL (Invalid IPv6 URL)"),
    "no port": ({"style": "https://h:port/a.jpg"}, "https://h:port/a.jpg is not a valid URL"),
    "no server": ({"init": "https:///a.jpg"}, "https:///a.jpg is not a valid URL (it has no server name)"),
    "no URL of weights": ({"weights": "http://[/w.pth"}, "http://[/w.pth is not a valid URL"),
    "no URL that is fetched": ({"content": "ftp://h]/a.jpg"}, "there is no file ftp:/h]/a.jpg"),
    "a carriage return in a name": ({"content": '"a\rb.png"'}, "the name contains a control character or a line break"),
    "a line separator in a style's name": ({"style": '"c\u2028.png"'}, "contains a control character or a line break"),
    "a line break in a mask's name": ({"content_mask": '"d\n.png"'}, "contains a control character or a line break"),
    "a carriage return in a title": ({"name": '"a\rb"'}, "contains a line break or control character"),
    "a long title": ({"name": "n" * 5000}, "a name is one line of at most 200 characters"),
    "a link that leads back": ({"content": "loop/**/*.bmp"}, "matches no image"),
    "links in links": ({"content": f"loop/{'*/' * 80}*"}, "visits more than 20,000 files"),
    "folders without end": ({"content": f"{'../' * 1000}*"}, "goes through more than 64 folders"),
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits, "GLOB_ENTRIES", 20_000)
    for name in ("a.png", "a\rb.png", "c\u2028.png", "d\n.png", "loop/more/a.png"):
        picture(name)
    for number in range(8):
        Path(f"loop/more/{number}").symlink_to("..")
    Path("loop/self").symlink_to(".")


def refused(text, reason):
    outcome = bounded(read_grid, table(text), seconds=10, megabytes=300)
    assert outcome.error.startswith("manifest.csv:2: ")
    assert reason in outcome.error
    assert len(outcome.error) < 5000
    assert len(outcome.error.splitlines()) == 1


@pytest.mark.parametrize("case", CELLS)
def test_a_hostile_cell(case):
    given, reason = CELLS[case]
    cells = {"content": "a.png", "style": "a.png", **given}
    refused(f"{','.join(cells)}\n{','.join(cells.values())}\n", reason)


def test_a_product_of_pictures():
    for number in range(200):
        picture(f"many/{number}.png")
    text = f"content,style,seed\nmany/*,many/*,{NUMBERS}\n"
    refused(text, "has 200 contents × 200 styles × 100 choices of settings; with the rows above")


def test_rows_that_together_ask_for_too_much(monkeypatch):
    monkeypatch.setattr(limits, "PAIRS", 25)
    text = "content,style,seed\n" + "a.png,a.png,1|2|3|4|5|6|7|8|9|10\n" * 3
    with pytest.raises(NstError, match=r"^manifest.csv:4: has 1 contents × 1 styles × 10 choices"):
        read_grid(table(text))


def test_a_glob_of_a_whole_disk(monkeypatch):
    monkeypatch.setattr(limits, "GLOB_ENTRIES", 1000)
    with pytest.raises(NstError, match=r"^manifest.csv:2: content: /\*\*/\*\.\S+ visits more than 1,000 files"):
        read_grid(table("content,style\n/**/*.jpg,a.png\n"))


def test_globs_reach_through_links_but_not_round_and_round():
    other = picture("elsewhere/deep/b.png")
    Path("loop/link").symlink_to("../elsewhere")
    assert set(Files().glob("loop/**/*.png")) == {"loop/more/a.png", "loop/link/deep/b.png"}
    assert Files().glob("else*/**/b.png") == (other,)


def test_too_many_rows_and_columns(monkeypatch):
    with pytest.raises(NstError, match=r"^manifest.csv:1: 5,002 columns; the columns are content, style"):
        read_grid(table("content,style" + ",x" * 5000 + "\na.png,a.png\n"))
    monkeypatch.setattr(limits, "PAIRS", 25)
    with pytest.raises(NstError, match="has more than 25 rows"):
        read_grid(table("content,style\n" + "a.png,a.png\n" * 26))
    monkeypatch.setattr(limits, "MANIFEST_BYTES", 25)
    with pytest.raises(NstError, match=r"cannot be read \(it has more than 25 bytes\)"):
        read_grid(table("content,style\n" + "a.png,a.png\n" * 26))


def test_the_first_of_many_missing_files():
    for number in range(50):
        picture(f"pictures/picture-{number}.png")
    text = "content,style\n" + "".join(f"pictures/pictur-{number}.png,a.png\n" for number in range(20_000))
    outcome = bounded(read_grid, table(text), seconds=30)
    lines = outcome.error.splitlines()
    assert lines[0].startswith("manifest.csv:2: content: there is no file pictures/pictur-0.png; did you mean pict")
    assert lines[20:] == ["… and 19,980 more problems"]


def test_all_problems_are_counted_once():
    text = f"content,style\n{'|'.join(f'{number}.gif' for number in range(40))}|[,a.png\n{'|'.join('abc')}|*.x,a.png\n"
    with pytest.raises(Problems) as caught:
        read_grid(table(text))
    assert len(caught.value.problems) == 1 + 1  # globs; what exists is looked for when they are right
    assert str(Problems(map(str, range(25)))).splitlines()[19:] == ["19", "… and 5 more problems"]
    assert len(str(NstError("a\n" + "x" * 10_000))) < 1100


CONFIGS = {
    "an alias bomb": (BOMB, "more than 5,000 values, with aliases expanded"),
    "a list within itself": ("settings: &a [*a]\n", "more than 5,000 values"),
    "deep lists": (DEEP, "is nested too deeply"),
    "a list as a key": ("? [a, b]\n: c\n", "a key is a list or a mapping"),
    "a mapping as a key": ("settings:\n  {a: b}: c\n", "a key is a list or a mapping"),
    "a date of month 99": ("results: 2001-99-99\n", "is not valid YAML (month must be in 1..12)"),
    "a long number": ("threads: 0x" + "f" * 9000, "a number of 9002 digits"),
    "a large file": ("# " + "x" * 300_000, "cannot be read (it has more than 200,000 bytes)"),
    "thousands of keys": ("".join(f"k{number}: 1\n" for number in range(2000)), "… and 1,980 more problems"),
    "a tag": ("results: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    "results of braces": ("results: out{x}\n", "results: 'out{x}' contains a line break, a brace"),
    "results of a dash": ("results: -x\n", "results: '-x' begins with a dash"),
    "results of a dash in disguise": ("results: ./-x/\n", "results: './-x/' begins with a dash"),
    "results of two lines": ('results: "a\\nb"\n', "contains a line break"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_hostile_config(case):
    text, reason = CONFIGS[case]
    Path("config.yaml").write_text(text, encoding="utf-8")
    outcome = bounded(load_config, "config.yaml", seconds=10, megabytes=300)
    assert outcome.error.startswith("config.yaml")
    assert reason in outcome.error


def test_aliases_within_reason():
    Path("config.yaml").write_text("settings: &it {size: 64}\nresults: &r out\npresets: *r\n", encoding="utf-8")
    config = load_config("config.yaml")
    assert (config.settings, config.results, config.presets) == ({"size": 64}, "out", "out")


def test_a_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load_config({"results": "~/t/", "manifest": "~/m.csv", "presets": "~/p"})
    assert (config.results, config.manifest, config.presets) == (f"{tmp_path}/t", f"{tmp_path}/m.csv", f"{tmp_path}/p")
    assert load_config({"results": "./out//x/"}).results == "out/x"


def test_results_of_the_command(capsys):
    table("content,style\na.png,a.png\n")
    assert main(["grid", "manifest.csv", "--results", "out{x}"]) == 1
    assert "--results: 'out{x}' contains a line break, a brace" in capsys.readouterr().err
    assert main(["grid", "manifest.csv", "--results", "-x"]) == 1
    assert "--results: '-x' begins with a dash" in capsys.readouterr().err


def test_the_bounds_are_documented():
    documented = (Path(__file__).parents[3] / "config/README.md").read_text("utf-8").partition("## Bounds")[2]
    counts = (limits.PAIRS, limits.CHOICES, limits.CELL, limits.ITEMS, limits.NAME, limits.PROBLEMS)
    counts += (limits.BLEND, limits.BLEND_BYTES, limits.BLENDED, limits.GLOB_DEPTH, limits.YAML_VALUES)
    counts += (200_000,)  # GLOB_ENTRIES, which is lower here
    for bound in (*counts, f"{limits.MANIFEST_BYTES // 10**6} MB", f"{limits.YAML_BYTES // 1000} kB"):
        assert (f"{bound:,}" if isinstance(bound, int) else bound) in documented
