"""The grid: rows to pairs."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT, picture, table, write_grid
from nst.errors import NstError, Problems
from nst.grid.cells import parse_styles, split_list, styles_text
from nst.grid.command_line import setting_arguments
from nst.grid.config import Config, load_config
from nst.grid.inputs import SUFFIXES, Files, local
from nst.grid.manifest import Manifest, Row
from nst.grid.pairs import Pair, expand, read_grid
from nst.settings import defaults, fields, make, text


class Imagined(Files):
    """Every path with a suffix is a good picture."""

    def exists(self, path: str) -> bool:
        return re.fullmatch(r"[\w/]+\.jpg", path) is not None

    def _read_size(self, path: str) -> tuple[int, int] | str:
        return (8, 6)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _pictures(_here: None) -> None:
    for name in ("c/lake.jpg", "c/pine.png", "d/Lake.jpg", "s/wave.jpg", "s/scream.jpg"):
        picture(name)


def mistakes(rows: str, config: Config | None = None) -> list[str]:
    with pytest.raises(Problems) as caught:
        read_grid(table(rows), config)
    return [line.removeprefix("manifest.csv:") for line in caught.value.problems]


def ids(rows: str, config: Config | None = None) -> list[str]:
    return [pair.id for pair in read_grid(table(rows), config)]


PATHS = st.sampled_from([f"{folder}/{name}.jpg" for folder in "ab" for name in ("lake", "Lake", "x", "x-1")])
CELLS = st.lists(PATHS, min_size=1, max_size=3)
NUMBERS = st.lists(st.sampled_from(["1", "16", "16e0", "16.0", "0.5"]), max_size=3)
ROWS = st.lists(st.tuples(CELLS, CELLS, NUMBERS, NUMBERS), min_size=1, max_size=4)
Cells = tuple[list[str], list[str], list[str], list[str]]


def imagined(rows: list[Cells]) -> list[Pair]:
    names = ("content", "style", "style_weight", "tv_weight")
    cells = [{n: "|".join(c) for n, c in zip(names, row, strict=True) if c} for row in rows]
    manifest = Manifest("m.csv", tuple(Row(line, row) for line, row in enumerate(cells, 2)))
    return expand(manifest, Config(), Imagined())


@given(ROWS)
@PATIENT
def test_expansions_are_the_products_of_the_rows(rows: list[Cells]) -> None:
    expected = dict.fromkeys(
        (content, style, float(weight), float(tv))
        for contents, styles, weights, tvs in rows
        for content, style, weight, tv in itertools.product(contents, styles, weights or ["16"], tvs or ["0"])
    )
    found = [(p.content, p.styles[0][0], p.settings.style_weight, p.settings.tv_weight) for p in imagined(rows)]
    assert found == list(expected)


@given(ROWS, st.data())
@PATIENT
def test_appending_rows_renames_nothing(rows: list[Cells], data: st.DataObject) -> None:
    known = data.draw(st.integers(1, len(rows)))
    before, after = imagined(rows[:known]), imagined(rows)
    assert after[: len(before)] == before
    assert len({pair.id.casefold() for pair in after}) == len(after)


WEIGHTS = st.floats(1e-3, 1e6, allow_nan=False)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}\.jpg", fullmatch=True), WEIGHTS, min_size=1, max_size=4))
@PATIENT
def test_blends_read_back_from_their_text(weights: dict[str, float]) -> None:
    styles = parse_styles("+".join(f"{path}:{weight!r}" for path, weight in weights.items()), Imagined())
    assert [path for path, _ in styles] == list(weights)
    assert sum(weight for _, weight in styles) == pytest.approx(1)
    assert styles[0][1] == pytest.approx(next(iter(weights.values())) / sum(weights.values()))
    assert parse_styles(styles_text(styles), Imagined()) == styles


@given(
    st.dictionaries(st.from_regex(r"[a-c+:]{1,4}\.jpg", fullmatch=True), st.none() | WEIGHTS, min_size=1, max_size=4)
)
@PATIENT
def test_a_missing_weight_counts_one_wherever_it_is_missing(weights: dict[str, float | None]) -> None:
    """With files of these names, whatever signs are in them."""

    class Named(Files):
        def exists(self, path: str) -> bool:
            return path in weights

    parts = (path if weight is None else f"{path}:{weight!r}" for path, weight in weights.items())
    shares = dict(parse_styles("+".join(parts), Named()))
    counted = {path: 1.0 if weight is None else weight for path, weight in weights.items()}
    assert shares == pytest.approx({path: weight / sum(counted.values()) for path, weight in counted.items()})


def test_what_exists_is_taken_whole() -> None:
    picture("d.jpg")
    for name in ("a+b.jpg", "c:0.5", "x|y.jpg"):
        Path(name).write_bytes(Path("d.jpg").read_bytes())
    assert parse_styles("a+b.jpg") == (("a+b.jpg", 1.0),)
    assert parse_styles("c:0.5") == (("c:0.5", 1.0),)
    assert parse_styles("a+b.jpg:1+d.jpg:3") == (("a+b.jpg", 0.25), ("d.jpg", 0.75))
    assert parse_styles("https://host:80/a+b:c.jpg") == (("https://host:80/a+b:c.jpg", 1.0),)
    assert ids("content,style\nx|y.jpg,d.jpg\n") == ["x-y/d/default"]


@pytest.mark.usefixtures("_pictures")
def test_lists_globs_blends_defaults_and_duplicates() -> None:
    rows = (
        "content,style,size,style_weight\n"
        "c/*,s/wave.jpg|s/wave.jpg:7+s/scream.jpg:3,64,\n"
        "./c/lake.jpg,s/wave.jpg,64|64.0,\n"
        "**/*ake.jpg,s/wave.jpg,64,1e4|16\n"
    )
    assert ids(rows) == [
        "lake/wave/size=64",
        "lake/wave-0.7-scream-0.3/size=64",
        "pine/wave/size=64",
        "pine/wave-0.7-scream-0.3/size=64",
        "lake/wave/style_weight=1e4+size=64",
        *(f"{name}/wave/{rest}" for name in [hashed()] for rest in ("style_weight=1e4+size=64", "size=64")),
    ]


def hashed() -> str:
    pairs = read_grid(table("content,style\nc/lake.jpg|d/Lake.jpg,s/wave.jpg\n", "h.csv"))
    assert re.fullmatch(r"Lake-[0-9a-f]{6}", pairs[1].content_name)
    return pairs[1].content_name


@pytest.mark.usefixtures("_pictures")
def test_a_cell_beats_its_preset_and_that_beats_the_config() -> None:
    config = load_config({"settings": {"size": 100, "iterations": 50, "style_weight": 5}})
    rows = "content,style,preset,size,style_weight\nc/lake.jpg,s/wave.jpg,draft,,\n"
    rows += "c/lake.jpg,s/wave.jpg,,,1\nc/lake.jpg,s/wave.jpg,draft,300,\n"
    pairs = read_grid(table(rows), config)
    values = [(p.settings.size, p.settings.iterations, p.settings.style_weight) for p in pairs]
    assert values == [(256, 60, 5), (100, 50, 1), (300, 60, 5)]
    assert [p.settings_name for p in pairs] == [
        "draft+style_weight=5",
        "style_weight=1+iterations=50+size=100",
        "draft+style_weight=5+size=300",
    ]


@pytest.mark.usefixtures("_pictures")
def test_names_are_followed_by_the_lists_of_their_row() -> None:
    rows = "content,style,name,size,seed\nc/lake.jpg,s/wave.jpg,Fig 3,64|128,1\n"
    assert ids(rows) == ["lake/wave/Fig-3+size=64", "lake/wave/Fig-3+size=128"]


@pytest.mark.usefixtures("_pictures")
def test_arguments_say_all_that_differs() -> None:
    rows = "content,style,preset,size,style_weight,pixel_range\nc/lake.jpg,s/wave.jpg,draft,512,1e4,rescale\n"
    flags = setting_arguments(read_grid(table(rows))[0])
    expected = "--preset draft --network lite --style-weight 1e4 --iterations 60 --size 512 --pixel-range rescale"
    assert flags == expected.split()
    given = dict(zip((f[2:].replace("-", "_") for f in flags[::2]), flags[1::2], strict=True))
    assert make(given) == read_grid("manifest.csv")[0].settings
    assert setting_arguments(read_grid(table("content,style\nc/lake.jpg,s/wave.jpg\n"))[0]) == []


WRONG = [
    ("c/lake.jp,s/wave.jpg,,", "2: content: there is no file c/lake.jp; did you mean c/lake.jpg?"),
    ("z/q.jpg,s/wave.jpg,,", "2: content: there is no file z/q.jpg; give its path relative to the working directory"),
    ("c,s/wave.jpg,,", "2: content: c is a folder; give a file in it, or c/*"),
    (
        "c/*.gif,s/wave.jpg,,",
        f"2: content: c/*.gif matches no image ({' '.join(SUFFIXES)}); use a pattern that matches at least one",
    ),
    ("c/lake.jpg||c/pine.png,s/wave.jpg,,", "2: content: 'c/lake.jpg||c/pine.png' has an empty item; "
     "write a list as a|b|c"),
    (
        "c/lake.jpg,s/wave.jpg:0,,",
        "2: style: the weight '0' of s/wave.jpg is not a number above 0; "
        "write a blend as wave.jpg:0.7+scream.jpg:0.3",
    ),
    (
        "c/lake.jpg,s/wave.jpg+s/wave.jpg:2,,",
        "2: style: s/wave.jpg appears twice in the blend 's/wave.jpg+s/wave.jpg:2'; give it once, with one weight",
    ),
    (
        "c/lake.jpg,s/wave.jpg+,,",
        "2: style: 's/wave.jpg+' has an empty part; write a blend as wave.jpg:0.7+scream.jpg:0.3",
    ),
    ("c/lake.jpg,s/wave.jpg,64|big,", "2: size: 'big' is not allowed; expected a whole number from 0 to 16384 (px)"),
    ("c/lake.jpg,s/wave.jpg,,x|y", "2: name: 'x|y' is a list; a row has one name, to which the values of its "
     "lists are appended"),
]  # fmt: skip


@pytest.mark.usefixtures("_pictures")
@pytest.mark.parametrize(("row", "line"), WRONG)
def test_wrong_cells(row: str, line: str) -> None:
    assert mistakes(f"content,style,size,name\n{row}\n") == [line]


@pytest.mark.usefixtures("_pictures")
def test_wrong_settings_presets_inits_and_weights() -> None:
    rows = (
        "content,style,preset,init,weights,network,style_layers\n"
        "c/lake.jpg,s/wave.jpg,drft,,,,\n"
        "c/lake.jpg,s/wave.jpg,,nois,,,\n"
        "c/lake.jpg,s/wave.jpg,,,w.pth,,\n"
        "c/lake.jpg,s/wave.jpg,,,,vgg16,conv3_4\n"
    )
    found = mistakes(rows)
    assert found[0] == "2: preset: there is no preset 'drft'; did you mean draft?"
    assert found[1:3] == [
        "3: init: there is no file nois; did you mean noise?",
        "4: weights: there is no file w.pth; give its path relative to the working directory",
    ]
    assert found[3].startswith("5: style_layers: names conv3_4, which vgg16 does not have; use ")


@pytest.mark.parametrize("name", ["{1}.jpg", "a{ x, .+}.jpg", "<b>.jpg", "caf\udce9.jpg"])
@pytest.mark.usefixtures("_pictures")
def test_a_name_that_would_stop_snakemake_is_told(name: str) -> None:
    picture(f"odd/{name}")
    (line,) = mistakes("content,style\nodd/*,s/wave.jpg\n")
    assert line.startswith(f"2: content: {f'odd/{name}'!r}: ")
    assert line.endswith("; rename the file or folder")
    line.encode()


@pytest.mark.usefixtures("_pictures")
def test_a_picture_that_is_none() -> None:
    Path("c/text.jpg").write_text("no image")
    (line,) = mistakes("content,style\nc/text.jpg,s/wave.jpg\n")
    assert line.startswith("2: content: c/text.jpg: is not an image in a supported format")


@pytest.mark.usefixtures("_pictures")
def test_one_name_for_two_settings() -> None:
    rows = "content,style,name,size,frame_interval\nc/lake.jpg,s/wave.jpg,x,64,\nc/lake.jpg,s/wave.jpg,X,128,\n"
    assert mistakes(rows) == ["3: name: 'X' is the name of another value of size on line 2; give each row a `name`"]
    rows = "content,style,frame_interval\nc/lake.jpg,s/wave.jpg,5\nc/lake.jpg,s/wave.jpg,6|7\n"
    assert mistakes(rows) == [
        "3: name: 'default' is the name of another value of frame_interval on line 2; give each row a `name`"
    ]
    rows = "content,style,frame_interval\nc/lake.jpg,s/wave.jpg,6|7\n"
    assert mistakes(rows) == [
        "2: name: 'default' would be the name of several values of frame_interval; give each its own row and `name`"
    ]


@pytest.mark.usefixtures("_pictures")
def test_one_name_for_pairs_that_want_their_own_settings() -> None:
    rows = "content,style,name,size\nc/lake.jpg,s/wave.jpg,table,64\nc/pine.png,s/wave.jpg,table,128\n"
    assert ids(rows) == ["lake/wave/table", "pine/wave/table"]


@pytest.mark.usefixtures("_pictures")
def test_every_mistake_at_once_in_the_order_of_the_file() -> None:
    rows = "content,style,sise,seed\nno.jpg,s/wave.jpg,,x|y\nc/lake.jpg,,,\nc/lake.jpg,s/nowave.gif,,-1\n"
    assert [line.split(": ")[:2] for line in mistakes(rows)] == [
        ["1", "sise"], ["2", "seed"], ["2", "seed"], ["2", "content"], ["3", "style"], ["4", "seed"], ["4", "style"]
    ]  # fmt: skip


def test_urls_are_not_checked() -> None:
    rows = "content,style\nhttps://host/a%20b.jpg|s3://bucket/c.jpg,https://host/w+x.jpg?size=1:2\n"
    assert ids(rows) == ["a-b/w-x/default", "c/w-x/default"]


@pytest.mark.usefixtures("_pictures")
def test_a_list_with_other_separators_is_told_how_to_write_it() -> None:
    rows = 'content,style,style_weight,size\nc/lake.jpg;s/wave.jpg,s/wave.jpg,4;16,"64, 96"\nc/lake.jpg,s/none;t,1;x,\n'
    assert mistakes(rows) == [
        "2: style_weight: '4;16' is not allowed; expected a number from 0 to 1e15, or auto; a list is written 4|16",
        "2: size: '64, 96' is not allowed; expected a whole number from 0 to 16384 (px); a list is written 64|96",
        "2: content: there is no file c/lake.jpg;s/wave.jpg; a list is written c/lake.jpg|s/wave.jpg",
        "3: style_weight: '1;x' is not allowed; expected a number from 0 to 1e15, or auto",
        "3: style: there is no file s/none;t; give its path relative to the working directory",
    ]


@pytest.mark.usefixtures("_pictures")
def test_a_decimal_comma_is_told_how_to_write_it() -> None:
    rows = "content;style;style_weight;tv_weight;size;learning_rate\nc/lake.jpg;s/wave.jpg;1,5|2;0,25;1,5;1,00E-02\n"
    assert mistakes(rows) == [
        "2: style_weight: '1,5' is not a number; write 1.5",
        "2: tv_weight: '0,25' is not a number; write 0.25",
        "2: learning_rate: '1,00E-02' is not a number; write 1.00E-02",
        "2: size: '1,5' is not allowed; expected a whole number from 0 to 16384 (px)",
    ]


def test_the_suffix_of_a_glob_matches_in_upper_and_lower_case() -> None:
    for name in ("a.jpg", "b.JPG", "c.Jpg", "d.jpeg", "e.JPEG", "x.y/f.JPG"):
        picture(f"p/{name}")
    Path("p/notes.txt").write_text("")
    Path("p/Thumbs.db").write_text("")
    files = Files()
    assert files.glob("p/*.jpg") == ("p/a.jpg", "p/b.JPG", "p/c.Jpg")
    assert files.glob("p/*.JP*G") == ("p/a.jpg", "p/b.JPG", "p/c.Jpg", "p/d.jpeg", "p/e.JPEG")
    assert files.glob("p/[ab].jpg") == ("p/a.jpg", "p/b.JPG")
    assert files.glob("p/x.y/*") == ("p/x.y/f.JPG",)
    assert len(files.glob("p/*")) == 5
    assert files.skipped["p/*"] == ["p/Thumbs.db", "p/notes.txt"]
    assert files.skipped["p/*.jpg"] == []


def test_advice_is_about_the_folder_that_paths_are_relative_to() -> None:
    picture("run/images/lake.jpg")
    picture("images/lake2.jpg")
    files = Files(Path("run"))
    assert files.file_problem("images/lak.jpg") == "there is no file images/lak.jpg; did you mean images/lake.jpg?"
    assert files.file_problem("images") == "images is a folder; give a file in it, or images/*"
    assert files.file_problem("run").startswith("there is no file run; ")


def test_what_differs_only_in_its_case_is_meant() -> None:
    for name in ("IMG_0001.JPEG", "big.jpg", "wave.jpg"):
        picture(name)
    assert mistakes("content,style\nimg_0001.jpeg,Wave.JPG\n") == [
        "2: content: there is no file img_0001.jpeg; did you mean IMG_0001.JPEG?",
        "2: style: there is no file Wave.JPG; did you mean wave.jpg?",
    ]


def test_empty_items() -> None:
    with pytest.raises(NstError, match=r"^'a\| \|b' has an empty item; write a list as a\|b\|c$"):
        split_list("a| |b")


@pytest.mark.usefixtures("_pictures")
def test_grid_csv() -> None:
    pairs = read_grid(table('content,style,size\nc/lake.jpg,"s/wave.jpg:7+s/scream.jpg:3",64\n'))
    write_grid(pairs, "out/grid.csv", "out", "tif")
    with Path("out/grid.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    place = "out/pairs/lake/wave-0.7-scream-0.3/size=64"
    assert line["id"] == pairs[0].id == "lake/wave-0.7-scream-0.3/size=64"
    assert (line["folder"], line["image"], line["row"]) == (place, f"{place}/image.tif", "2")
    assert line["style"] == "s/wave.jpg:0.7+s/scream.jpg:0.3"
    assert make({name: line[name] for name in fields()}) == pairs[0].settings
    assert line["style_layers"] == text(defaults().style_layers)
    assert [path.name for path in Path("out").iterdir()] == ["grid.csv"]


@pytest.mark.usefixtures("_pictures")
def test_masks_that_do_not_suit_are_named_before_anything_is_stylized() -> None:
    picture("m/wide.png", (30, 10))
    picture("m/good.png", (80, 60))
    rows = (
        "content,style,content_mask,style_mask\n"
        "c/lake.jpg,s/wave.jpg,m/wide.png,\n"
        "c/lake.jpg,s/wave.jpg+s/scream.jpg,,m/good.png\n"
        "c/lake.jpg,s/wave.jpg,m/good.png,m/none.png\n"
    )
    first, second, third = mistakes(rows)
    assert first.startswith("2: content_mask: m/wide.png is 30×10 px, but c/lake.jpg is ")
    assert second == "3: style_mask: requires a single style, and 2 are blended"
    assert third.startswith("4: style_mask: there is no file m/none.png")


@pytest.mark.usefixtures("_pictures")
def test_faces_or_a_mask_are_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    picture("m/wide.png", (30, 10))
    picture("m/good.png", (80, 60))
    rows = "content,style,protect\nc/lake.jpg,s/wave.jpg,faces|m/good.png\n"
    first, second = read_grid(table(rows))
    assert (first.settings_name, second.settings_name) == ("protect=faces", "protect=good")
    assert second.pictures == ["c/lake.jpg", "s/wave.jpg", "m/good.png"]
    assert mistakes(rows.replace("good", "wide")) == [
        "2: protect: m/wide.png is 30×10 px, but c/lake.jpg is 8×6 px; use a mask with the same aspect ratio"
    ]
    monkeypatch.setattr("nst.images.faces.find_spec", lambda name: None)
    [missing] = mistakes(rows)
    assert missing.startswith("2: protect: faces requires OpenCV; run `pip install 'opencv-python-headless<5'`")


@pytest.mark.usefixtures("_pictures")
def test_columns_that_need_each_other() -> None:
    rows = "content,style,optimizer,ema_decay,parameters,learning_rate_decay\n"
    rows += "c/lake.jpg,s/wave.jpg,adam,0.9,network|pixels,0.5\n"
    assert len(ids(rows)) == 2
    rows = "content,style,ema_decay\nc/lake.jpg,s/wave.jpg,0.9\n"
    assert mistakes(rows) == ["2: ema_decay: requires optimizer adam or rmsprop"]
    config = load_config({"settings": {"ema_decay": 0.9}})
    assert len(ids("content,style,optimizer\nc/lake.jpg,s/wave.jpg,adam\n", config)) == 1
    requires = "2: ema_decay: requires optimizer adam or rmsprop; "
    rows = "content,style,optimizer\nc/lake.jpg,s/wave.jpg,lbfgs\n"
    assert mistakes(rows, config) == [requires + "the configuration has ema_decay 0.9"]
    assert mistakes("content,style,preset,protect\nc/lake.jpg,s/wave.jpg,nnst,c/lake.jpg\n") == [
        "2: protect: requires a content_weight above 0: it raises the weight of the content loss; "
        "the preset nnst has content_weight 0"
    ]


@pytest.mark.usefixtures("_pictures")
def test_a_decimal_comma_in_a_cell() -> None:
    rows = 'content,style,style_weight\nc/lake.jpg,s/wave.jpg,"1,5"\nc/lake.jpg,"s/wave.jpg:0,7",\n'
    assert mistakes(rows) == [
        "2: style_weight: '1,5' is not a number; write 1.5",
        "3: style: the weight '0,7' of s/wave.jpg is not a number above 0; write 0.7",
    ]


@pytest.mark.usefixtures("_pictures")
def test_the_copy_of_an_address_is_what_is_stylized_from() -> None:
    rows = "content,style,content_mask,init\nhttps://h/a.JPG?x=1,s/wave.jpg:2+https://h/b,s3://h/m.png,s3://h/é.webp\n"
    [pair] = read_grid(table(rows))
    assert pair.pictures == ["https://h/a.JPG?x=1", "s/wave.jpg", "https://h/b", "s3://h/é.webp", "s3://h/m.png"]
    here = pair.with_local_pictures("out")
    assert here.id == pair.id
    assert here.styles[0] == pair.styles[0]
    content, _, *others = here.pictures
    assert re.fullmatch(r"out/inputs/a-[0-9a-f]{8}\.jpg", content)
    assert [Path(path).suffix for path in others] == ["", ".webp", ".png"]
    assert local("https://h/a.JPG?x=2", "out") not in here.pictures


@pytest.mark.usefixtures("_pictures")
@pytest.mark.parametrize("setting", ["init", "content_mask", "protect", "weights"])
def test_a_file_of_the_config_or_a_preset_is_checked_before_any_work(setting: str) -> None:
    right = "there is no file c/lost.png; give its path relative to the working directory"
    config = load_config({"settings": {setting: "c/lost.png"}})
    named = f"2: {setting}: {right} (named by the preset or the configuration)"
    assert mistakes("content,style\nc/lake.jpg,s/wave.jpg\n", config=config) == [named]
    Path("config/presets").mkdir(parents=True)
    Path("config/presets/mine.yaml").write_text(f"settings: {{{setting}: c/lost.png}}\n")
    assert mistakes("content,style,preset\nc/lake.jpg,s/wave.jpg,mine\n") == [named]
    assert mistakes(f"content,style,{setting}\nc/lake.jpg,s/wave.jpg,c/lost.png\n", config=config) == [
        f"2: {setting}: {right}"
    ]


@pytest.mark.usefixtures("_pictures")
def test_all_unusable_files_of_the_config_are_named_at_once() -> None:
    config = load_config({"settings": {"init": "c/a.png", "content_mask": "c/b.png"}})
    found = mistakes("content,style\nc/lake.jpg,s/wave.jpg\n", config=config)
    assert [line.split(";")[0] for line in found] == [
        "2: init: there is no file c/a.png",
        "2: content_mask: there is no file c/b.png",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("phots/*,a.jpg,", "content: phots/* matches no image (.jpg"),
        ("phots/*,a.jpg,", "there is no folder phots; did you mean photos?"),
        ("photos/*.jgp,a.jpg,", "; did you mean .jpg?"),
        ("photos/b*.jpg,a.jpg,", "; use a pattern that matches at least one"),
        ("elsewhere/*,a.jpg,", "there is no folder elsewhere; check the path"),
        ("photos/a.jpg,a.jpg,face", "protect: there is no file face; did you mean faces?"),
        ("photos/a.jpg,a.jpg,faces/b.jpg", "protect: there is no file faces/b.jpg; give its path"),
        ("photos/a.jpg,a.jpg,face.jpg", "protect: there is no file face.jpg; did you mean a.jpg?"),
    ],
)
def test_near_misses_of_patterns_and_words(row: str, said: str) -> None:
    picture("photos/a.jpg")
    picture("a.jpg")
    table(f"content,style,protect\n{row}\n")
    with pytest.raises(NstError) as error:
        read_grid("manifest.csv", Config())
    assert said in str(error.value)
