"""One style from many works: `mean(monet/*.jpg)` in a cell and as the argument of a command."""

from __future__ import annotations

import csv
import itertools
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT, picture, table, write_grid
from nst import limits
from nst.errors import NstError, Problems
from nst.grid.cells import has_mean, parse_blend, parse_style_cell, parse_styles, styles_text
from nst.grid.command_line import style_arguments
from nst.grid.estimate import estimate
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid
from nst.settings import defaults


class Imagined(Files):
    """Files of these names, whatever signs are in them; a glob `FOLDER/*` matches those of its folder."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def exists(self, path: str) -> bool:
        return path in self.names

    def glob(self, pattern: str) -> tuple[str, ...]:
        folder = pattern.removesuffix("*")
        return tuple(sorted(name for name in self.names if name.startswith(folder)))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _works(_here: None) -> None:
    for name in ("c.jpg", "scream.jpg", "monet/b.jpg", "monet/a.JPG", "degas/x.jpg", "degas/y.png"):
        picture(name)
    Path("monet/notes.txt").write_text("")


def wrong(style: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        read_grid(table(f'content,style\nc.jpg,"{style}"\n'))
    return [line.removeprefix("manifest.csv:2: style: ") for line in caught.value.problems]


NAME = st.from_regex(r"[a-c+:][a-c+: ]{0,2}[a-c]\.jpg", fullmatch=True)
FOLDERS = st.sampled_from(["m", "n", "o (1)"])
WEIGHT = st.none() | st.floats(1e-3, 1e6, allow_nan=False)
#: The folders of a blend's means (all their files, or a glob), and the weight of each.
GROUPS = st.dictionaries(
    FOLDERS, st.tuples(st.sets(NAME, min_size=1, max_size=4), st.booleans(), WEIGHT), min_size=1, max_size=3
)


@given(GROUPS, st.dictionaries(NAME, WEIGHT, max_size=2), st.randoms(use_true_random=False))
@PATIENT
def test_a_mean_divides_its_weight_equally(groups, singles, random) -> None:  # type: ignore[no-untyped-def]
    files = Imagined(*singles, *(f"{folder}/{name}" for folder, (names, _, _) in groups.items() for name in names))
    expected: dict[str, float] = {}
    parts = []
    for folder, (names, globbed, weight) in groups.items():
        paths = sorted(f"{folder}/{name}" for name in names)
        inside = f"{folder}/*" if globbed else "+".join(paths)
        parts.append(f"mean({inside})" + (f":{weight!r}" if weight else ""))
        expected |= dict.fromkeys(paths, (weight or 1.0) / len(paths))
    for path, weight in singles.items():
        parts.append(path + (f":{weight!r}" if weight else ""))
        expected[path] = weight or 1.0
    random.shuffle(parts)
    text = "+".join(parts)
    styles = parse_styles(text, files)
    assert dict(styles) == pytest.approx({path: weight / sum(expected.values()) for path, weight in expected.items()})
    assert parse_styles(styles_text(styles), files) == styles
    assert has_mean(text, files)


SIGNS = st.sampled_from(["mean(", "(", ")", "+", ":", "2", "a.jpg", "m/*", " ", "|", "*", ".jpg"])


@given(st.lists(SIGNS, max_size=12).map("".join))
@PATIENT
def test_any_text_is_a_style_or_an_error(text: str) -> None:
    files = Imagined("a.jpg", "m/a.jpg", "m/b.jpg", "mean(m", "mean(2).jpg")
    with suppress(NstError):
        for styles, _ in parse_style_cell(text, files):
            assert sum(weight for _, weight in styles) == pytest.approx(1)
            assert len(dict(styles)) == len(styles)


@pytest.mark.usefixtures("_works")
def test_a_mean_in_a_manifest() -> None:
    cells = ["mean(monet/*.jpg)", "mean(monet/*.jpg):0.5+scream.jpg:1.5", "mean( degas/*+monet/b.jpg )", "monet/*"]
    pairs = read_grid(table(f'content,style\nc.jpg,"{"|".join(cells)}"\n'))
    assert [pair.styles for pair in pairs] == [
        (("monet/a.JPG", 0.5), ("monet/b.jpg", 0.5)),
        (("monet/a.JPG", 0.125), ("monet/b.jpg", 0.125), ("scream.jpg", 0.75)),
        (("degas/x.jpg", 1 / 3), ("degas/y.png", 1 / 3), ("monet/b.jpg", 1 / 3)),
        (("monet/a.JPG", 1.0),),
        (("monet/b.jpg", 1.0),),
    ]
    assert [pair.style_title for pair in pairs] == [*cells[:3], "a", "b"]
    assert pairs[0].style_name == "a-0.5-b-0.5"
    assert style_arguments(pairs[0]) == ["monet/a.JPG:0.5", "monet/b.jpg:0.5"]


@pytest.mark.usefixtures("_works")
def test_a_mean_is_the_blend_of_its_images() -> None:
    rows = "content,style\nc.jpg,mean(monet/*)\nc.jpg,monet/a.JPG+monet/b.jpg\n"
    [pair] = read_grid(table(rows))
    assert (pair.row, pair.style_title) == (2, "mean(monet/*)")


def test_another_work_in_the_folder_makes_another_pair() -> None:
    picture("c.jpg")
    for number in range(20):
        picture(f"art/Édouard Manet/{number:02}.jpg")
    manifest = table('content,style\nc.jpg,"mean(art/**/*.jpg)"\n')
    [before] = read_grid(manifest)
    assert re.fullmatch(r"mean-of-20-in-Edouard-Manet-[0-9a-f]{6}", before.style_name)
    assert read_grid(manifest) == [before]
    Path("art/Édouard Manet/00.jpg").rename("art/Édouard Manet/new.jpg")
    [replaced] = read_grid(manifest)
    picture("art/Édouard Manet/21.jpg")
    [more] = read_grid(manifest)
    assert len({before.id, replaced.id, more.id}) == 3
    assert more.style_name.startswith("mean-of-21-in-Edouard-Manet-")


def test_titles_of_many_works_are_short() -> None:
    picture("c.jpg")
    names = [picture(f"monet/{number:02}.jpg") for number in range(12)]
    cells = [f"mean({'+'.join(names)})", f"mean({'+'.join(names)}):3+c.jpg", "+".join(
        f"{name}:{weight}" for weight, name in enumerate(names, 1))]  # fmt: skip
    pairs = read_grid(table(f'content,style\nc.jpg,"{"|".join(cells)}"\n'))
    patterns = ["mean of 12 in monet", "mean of 12 in monet-0.75-c-0.25", "blend of 12 in monet"]
    for pair, pattern in zip(pairs, patterns, strict=True):
        assert re.fullmatch(rf"{re.escape(pattern)}-[0-9a-f]{{6}}", pair.style_title)
    write_grid(pairs, "out/grid.csv", "out", "png")
    with Path("out/grid.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [parse_styles(line["style"]) for line in lines] == [pair.styles for pair in pairs]


def test_a_file_with_the_name_of_a_mean() -> None:
    for name in ("c.jpg", "mean(x).jpg", "mean(y", "mean(z)1.jpg", "photo (1).jpg"):
        picture("c.jpg")
        Path(name).write_bytes(Path("c.jpg").read_bytes())
    assert parse_styles("mean(x).jpg") == (("mean(x).jpg", 1.0),)
    assert parse_styles("mean(x).jpg:3+c.jpg:1") == (("mean(x).jpg", 0.75), ("c.jpg", 0.25))
    assert parse_styles("mean(mean(x).jpg+photo (1).jpg)") == (("mean(x).jpg", 0.5), ("photo (1).jpg", 0.5))
    assert parse_styles("mean(y") == (("mean(y", 1.0),)
    assert [pair.style_title for pair in read_grid(table("content,style\nc.jpg,mean(z)*|mean(y\n"))] == [
        "mean(z)1", "mean(y"]  # fmt: skip
    [line] = wrong("mean(w).jpg")
    assert line == "there is no file mean(w).jpg; did you mean mean(x).jpg?"


HELP = "write the mean of several styles as mean(monet/*.jpg) or mean(a.jpg+b.jpg)"
WRONG = {
    "mean(degas/*.jpg": f"'mean(degas/*.jpg': its parentheses do not match; {HELP}",
    "mean(degas/*.jpg))": f"'mean(degas/*.jpg))': its parentheses do not match; {HELP}",
    "mean(mean(degas/*)+c.jpg)": "mean(degas/*) is a mean within a mean; give all images to one: "
    "mean(monet/*.jpg+degas/*.jpg)",
    "mean()": f"a mean has an empty part; {HELP}",
    "mean(c.jpg+)": f"a mean has an empty part; {HELP}",
    "mean(c.jpg|scream.jpg)": f"'mean(c.jpg|scream.jpg)' has | within a mean, where + separates the images; {HELP}",
    "mean(c.jpg:2+scream.jpg)": "c.jpg:2 has a weight within a mean, where all are equal; leave it out, or give the "
    "weight to the whole mean: mean(c.jpg):2+other.jpg",
    "mean(degas/*):0+c.jpg": "the weight '0' of mean(degas/*) is not a number above 0; write a blend as "
    "wave.jpg:0.7+scream.jpg:0.3",
    "mean(degas/*):x": "the weight 'x' of mean(degas/*) is not a number above 0; write a blend as "
    "wave.jpg:0.7+scream.jpg:0.3",
    "degas/*:2+c.jpg": "degas/* is a glob where one style is expected; for the mean of its matches write mean(degas/*)",
    "degas/*:2": "degas/* is a glob where one style is expected; for the mean of its matches write mean(degas/*)",
    "mean(degas/*)+degas/x.jpg": "degas/x.jpg appears twice in the blend 'mean(degas/*)+degas/x.jpg'; give it once, "
    "with one weight",
    "mean(degas/*+degas/*)": "degas/x.jpg (and 1 other image) appears twice in the blend 'mean(degas/*+degas/*)'; "
    "give it once, with one weight",
    "mean(c.jpg+gone/x.jpg)": "there is no file gone/x.jpg; give its path relative to the working directory",
    "mean(c.jpg)+": "'mean(c.jpg)+' has an empty part; write a blend as wave.jpg:0.7+scream.jpg:0.3",
}


@pytest.mark.usefixtures("_works")
@pytest.mark.parametrize("style", WRONG)
def test_wrong_means(style: str) -> None:
    assert wrong(style) == [WRONG[style]]


@pytest.mark.usefixtures("_works")
def test_all_problems_of_a_mean_at_once() -> None:
    lines = wrong("mean(monet/*.gif+c.jpg:2+degas/*.bmp)+scream.jpg:0|mean(monet/*.tif)")
    assert [line.split(" matches no image")[0].split(" has a weight")[0] for line in lines] == [
        "monet/*.gif", "c.jpg:2", "degas/*.bmp",
        "the weight '0' of scream.jpg is not a number above 0; write a blend as wave.jpg:0.7+scream.jpg:0.3",
        "monet/*.tif",
    ]  # fmt: skip


def test_too_many_works(monkeypatch: pytest.MonkeyPatch) -> None:
    picture("c.jpg")
    for number in range(limits.BLEND + 1):
        Path(f"{number:03}.png").write_bytes(Path("c.jpg").read_bytes())
    assert wrong("mean(*.png)") == ["'mean(*.png)' is a blend of 129 styles; at most 128 are allowed"]
    assert len(parse_styles("mean(0*.png)")) == 100
    monkeypatch.setattr(limits, "BLEND_BYTES", 699)
    assert wrong("mean(0*.png)") == [
        "'mean(0*.png)': the paths of its 100 styles have 700 bytes; at most 699 are allowed: use shorter names of "
        "folders and files"
    ]
    monkeypatch.setattr(limits, "BLENDED", 150)
    monkeypatch.setattr(limits, "BLEND_BYTES", 700)
    assert wrong("mean(0*.png)|mean(1*.png)|mean(0[0-4]*.png)") == [
        "with the rows above, blends of more than 150 styles in total: split the manifest"
    ]


@pytest.mark.usefixtures("_works")
def test_a_content_mask_is_refused_with_a_mean() -> None:
    picture("mask.png")
    rows = "content,style,content_mask,style_mask\nc.jpg,mean(monet/*),mask.png,\nc.jpg,mean(degas/*),,mask.png\n"
    with pytest.raises(Problems) as caught:
        read_grid(table(f"{rows}c.jpg,mean(degas/*.png),mask.png,\n"))
    assert list(caught.value.problems) == [
        "manifest.csv:2: content_mask: separates up to three single styles, and mean(monet/*) is a mean of 2; "
        "name single styles without mean, or leave out the mask",
        "manifest.csv:3: style_mask: requires a single style, and 2 are blended",
    ]


@pytest.mark.usefixtures("_works")
def test_the_arguments_of_a_command() -> None:
    weights = [weight for _, weight in parse_blend(["mean(monet/*):1", "scream.jpg:3"])]
    assert weights == [0.125, 0.125, 0.75]
    with pytest.raises(NstError, match=r"^monet/\* is a glob where one style is expected"):
        parse_blend(["monet/*"])
    with pytest.raises(NstError, match=r"^9 styles need weights; .* in quotes: 'mean\(monet/\*\.jpg\)'$"):
        parse_blend([f"monet/{number}.jpg" for number in range(9)])


def test_the_works_are_part_of_the_estimate() -> None:
    def of(styles: int) -> tuple[float, float]:
        return estimate(defaults(), (400, 300), 2, "fp32", styles=styles)

    differences = [tuple(b - a for a, b in zip(of(n), of(n + 1), strict=True)) for n in (1, 99)]
    assert differences[0] == pytest.approx(differences[1])
    assert all(itertools.starmap(lambda a, b: a < b, zip(of(1), of(2), strict=True)))
    activations, works = of(1)[1], of(limits.BLEND)[1] - of(1)[1]
    assert works < activations  # the reason for the limit
