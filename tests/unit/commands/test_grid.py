"""`nst`, `nst grid`, `nst settings` and the flags of the settings, as a person types them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gridfiles import picture, table
from nst import __main__, cli
from nst.commands.options import setting_options
from nst.grid import plan
from nst.settings import GROUPS, fields, flag, grouped, presets, text

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("lake", "pine", "wave"):
        picture(f"{name}.jpg")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from nst.cli import main; main(['--help']); "
        "print([m for m in ('torch', 'pandas', 'pydantic', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"  {name} " in out for name in cli.COMMANDS)
    assert out.endswith("[]\n")


def test_grid_of_one_pair(capsys: pytest.CaptureFixture[str]) -> None:
    table("content,style\nlake.jpg,wave.jpg\n")
    status, out, err = run(capsys, "grid", "manifest.csv", "--results", "out")
    assert (status, err) == (0, "")
    assert out.startswith(
        "manifest.csv: 1 pair\n\ncontents (1)\n  lake  (1 pair)\n\nstyles (1)\n  wave  (1 pair)\n\n"
        "settings (1)\n  default  (1 pair)\n\npairs (out/pairs/…)\n  lake/wave/default\n\n"
        f"results   {Path('out').absolute()}\njobs      1 image to stylize\ntime      about "
    )


def test_grid_is_short_and_tells_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    table("content,style,seed\nlake.jpg|pine.jpg,wave.jpg," + "|".join(map(str, range(50))) + "\n")
    picture("results/pairs/lake/wave/seed=7/image.png")
    status, out, _ = run(capsys, "grid", "manifest.csv", "--limit", "3")
    assert status == 0
    assert "  … and 97 more (--limit 0 shows them)" in out
    assert "jobs      99 images to stylize, 1 image done" in out
    assert len(out.splitlines()) < 30
    assert len(run(capsys, "grid", "manifest.csv", "--limit", "0")[1].splitlines()) > 150


def test_grid_looks_for_pictures_in_the_results_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    table("content,style\nlake.jpg|pine.jpg,wave.jpg\n")
    picture("out/pairs/lake/wave/default/image.png")
    out = run(capsys, "grid", "manifest.csv", "--results", "out/")[1]
    assert "\n  lake/wave/default  (exists)\n  pine/wave/default\n" in out
    assert f"\nresults   {Path('out').absolute()}\njobs      1 image to stylize, 1 image done\n" in out
    assert "jobs      2 images to stylize\n" in run(capsys, "grid", "manifest.csv")[1]


def test_grid_says_what_its_globs_leave_out(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jpg", "b.JPG", "c.jpeg", "d.png"):
        picture(f"photos/{name}")
    for name in ("Thumbs.db", "notes.txt"):
        Path("photos", name).touch()
    table("content,style\nphotos/*,wave.jpg\nphotos/*.jpg,photos/d.*\n")
    out = run(capsys, "grid", "manifest.csv")[1]
    assert "glob      photos/* matches 4 images; skipped 2 files that are not images: Thumbs.db, notes.txt\n" in out
    assert "glob      photos/*.jpg matches 2 images; photos/* also c.jpeg, d.png\n" in out
    assert out.count("\nglob ") == 2


@pytest.mark.parametrize(
    ("settings", "equal"),
    [
        ("init=content", 2), ("init=content+noise", 0), ("style_loss=sliced", 0), ("size=64|128", 4),
    ],
)  # fmt: skip
def test_grid_says_where_a_seed_has_no_effect(capsys: pytest.CaptureFixture[str], settings: str, equal: int) -> None:
    column, value = settings.split("=")
    picture("lake.jpg")
    picture("wave.jpg")
    table(f"content,style,seed,{column}\nlake.jpg,wave.jpg,0|1|2,{value}\n", "m.csv")
    assert cli.main(["grid", "m.csv"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note")]
    table(f"content,style,name,{column}\nlake.jpg,wave.jpg,x,{value}\nlake.jpg,wave.jpg,y,{value}\n", "n.csv")
    assert cli.main(["grid", "n.csv"]) == 0
    assert "\nnote " not in capsys.readouterr().out  # equal, but not because of a seed
    said = f"note      {equal} images will equal another: `seed` has no effect without noise in `init`"
    assert notes == [said] * bool(equal)


def test_grid_says_what_is_missing_to_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table("content,style,network\nlake.jpg,wave.jpg,vgg16|lite\ns3://bucket/a.jpg,wave.jpg,lite\n")
    with monkeypatch.context() as patch:
        patch.delenv("NST_WEIGHTS_DIR", raising=False)
        patch.setenv("NST_CACHE", "nowhere")
        patch.setattr(plan, "find_spec", lambda name: None)
        out = run(capsys, "grid", "manifest.csv")[1]
    assert [line[10:] for line in out.splitlines() if line.startswith("missing ")] == [
        "weights of vgg16: the run downloads them; without internet see `nst weights vgg16`",
        "1 input images: the run downloads them",
        "the package s3fs, for URLs s3://…: pip install s3fs",
        f"Snakemake: pip install '{REPOSITORY}[workflow]'",
    ]
    table("content,style,network\nlake.jpg,wave.jpg,lite\n")
    status, out, _ = run(capsys, "grid", "manifest.csv")
    assert status == 0
    assert "missing " not in out


def test_grid_finds_a_truncated_picture(capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path("lake.jpg").read_bytes()
    Path("lake.jpg").write_bytes(whole[:-20])
    table("content,style\nlake.jpg|pine.jpg,wave.jpg\n")
    status, _, err = run(capsys, "grid", "manifest.csv")
    assert status == 1
    assert err.startswith("nst: manifest.csv:2: content: lake.jpg: the image is truncated, corrupt or ")


def command_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The words of the command that `nst grid` ends with."""
    out = run(capsys, "grid", *arguments)[1]
    return shlex.split(out.splitlines()[-1].removeprefix("run       "))


def test_grid_ends_with_the_command_that_runs_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table("content,style\nlake.jpg,wave.jpg\n", "my table.csv")
    assert command_of(capsys, "my table.csv", "--results", "out/") == ["nst", "run", "my table.csv", "--results", "out"]
    Path("mine.yaml").write_text("manifest: my table.csv\n")
    assert command_of(capsys, "--config", "mine.yaml") == ["nst", "run", "--config", "mine.yaml"]
    assert command_of(capsys, "my table.csv", "--cluster") == ["nst", "run", "my table.csv", "--profile", "slurm"]
    monkeypatch.chdir(REPOSITORY)
    assert command_of(capsys) == ["snakemake", "--cores", str(os.cpu_count())]
    assert command_of(capsys, "--cluster") == ["snakemake", "--workflow-profile", "profiles/slurm"]


@pytest.mark.parametrize(
    "value",
    ["a b.csv", "2024", "1.5", "True", "a: b.csv", "x #y.csv", "[z.csv", "[z].csv", '"q".csv', "1e3", "1_000", "é"],
)
def test_snakemake_reads_what_it_is_given(value: str) -> None:
    from snakemake.cli import parse_config

    _, given, *_ = plan.snakemake_arguments({"manifest": value})
    assert parse_config([given]) == {"manifest": value}


def test_the_hours_of_a_cluster_are_those_that_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Never more on several GPUs than on one, nor on more of them than there are jobs."""
    rows = "content,style,seed,size\nlake.jpg,wave.jpg," + "|".join(map(str, range(60))) + ",2048\n"
    table(rows)
    Path("p").mkdir()
    for minutes, jobs in (("60", 1), ("30", 2)):
        Path("p/nst.yaml").write_text(f"bundle: {minutes}\n")
        for n in (0, 10, 50):
            for seed in range(n):
                name = "size=2048" if seed == 0 else f"seed={seed}+size=2048"
                picture(f"results/pairs/lake/wave/{name}/image.png")
            out = run(capsys, "grid", "manifest.csv", "--cluster", "--profile", "p")[1]
            told = re.search(r"hours: (.*) on 1(?:, (.*) on (\d))?\n", out)
            assert told
            assert f"bundles   {jobs} job" in out
            if jobs == 1:
                assert told[2] is None
            else:
                assert int(told[3]) == jobs
                assert seconds_of(told[2]) <= seconds_of(told[1])


def seconds_of(duration: str) -> int:
    number, unit = duration.split()
    return int(number) * {"s": 1, "min": 60}[unit]


def test_pictures_that_no_row_asks_for_are_counted_and_removed_after_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table("content,style\nlake.jpg,wave.jpg\n")
    for name in ("lake/wave/default", "lake/wave/old", "pine/wave/default", "pine/wave/foreign", "pine/wave/bare"):
        picture(f"out/pairs/{name}/image.png")
        picture(f"out/pairs/{name}/snapshots/frames/000001.jpg")
        Path(f"out/pairs/{name}/run.json").write_text(json.dumps({"id": name}))
        for place in (f"out/logs/stylize/{name}.log", f"out/benchmarks/stylize/{name}.tsv"):
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            Path(place).touch()
    Path("out/pairs/pine/wave/default/notes.txt").touch()
    Path("out/pairs/pine/wave/foreign/run.json").write_text('{"id": "made by another program"}')
    Path("out/pairs/pine/wave/bare/run.json").unlink()
    for place in ("out/.work/lake/wave/old/.nst-work", "out/.work/pine/wave/default/mine"):
        Path(place).parent.mkdir(parents=True)
        Path(place).touch()
    asked = ("grid", "manifest.csv", "--results", "out")
    out = run(capsys, *asked)[1]
    assert "kept      2 images that no row of the manifest asks for; --prune lists and removes them\n" in out
    before = sorted(Path("out").rglob("*"))

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    status, out, _ = run(capsys, *asked, "--prune")
    assert status == 0
    assert out.startswith("out/pairs\n  lake/wave/old\n  pine/wave/default\n2 images belong to no row; remove ")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(capsys, *asked, "--prune")[2] == "nst: nothing was removed; answer y, or add --yes\n"
    assert sorted(Path("out").rglob("*")) == before

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    out = run(capsys, *asked, "--prune")[1]
    assert out.endswith(
        "removed 2 images, with records and logs\nout/pairs/pine/wave/default was kept: it contains other files\n"
    )
    left = {path.as_posix() for path in Path("out").rglob("*") if path.is_file()}
    assert not any("lake/wave/old" in path for path in left)
    assert {path for path in left if "pine/wave/default" in path} == {
        "out/pairs/pine/wave/default/notes.txt", "out/.work/pine/wave/default/mine"
    }  # fmt: skip
    assert sum("lake/wave/default" in path for path in left) == 5
    assert {"out/pairs/pine/wave/foreign/image.png", "out/pairs/pine/wave/bare/image.png"} < left
    assert run(capsys, *asked, "--prune", "--yes")[1] == "out/pairs has no images to remove: each belongs to a row\n"


def test_grid_reads_the_config_and_prints_csv(capsys: pytest.CaptureFixture[str]) -> None:
    table("content,style\nlake.jpg,wave.jpg\n")
    Path("config").mkdir()
    Path("config/config.yaml").write_text("manifest: manifest.csv\nformat: jpg\nsettings: {size: 64}\n")
    status, out, _ = run(capsys, "grid", "--csv")
    assert status == 0
    assert out.splitlines()[1].startswith("lake/wave/size=64,lake.jpg,wave.jpg,lake,wave,size=64,2,")
    assert "image.jpg" in out


WRONG = [
    (
        ("grid", "manifest.csv"),
        "nst: manifest.csv:2: content: there is no file lak.jpg; did you mean lake.jpg?\n",
    ),
    (
        ("grid", "no.csv"),
        "nst: no.csv: there is no such manifest; check the path, or begin a grid with `nst init FOLDER`\n",
    ),
    (("gird",), "nst: there is no command 'gird'; did you mean grid?\n"),
    (
        ("grid", "--limit", "x"),
        "nst: Invalid value for '--limit': 'x' is not a valid integer; see `nst grid --help`\n",
    ),
    (
        ("animate", "frames", "-o", "a.gif", "--end-pause", "1,5"),
        "nst: Invalid value for '--end-pause': '1,5' is not a valid float range; write 1.5; see `nst animate --help`\n",
    ),
    (("settings", "sise"), "nst: there is no setting or preset 'sise'; did you mean size?\n"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_the_user_can_mend_is_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    table("content,style\nlak.jpg,wave.jpg\n")
    assert run(capsys, *arguments) == (1, "", message)


def test_what_should_not_happen_ends_in_a_line_for_logs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["nst", "settings"])
    monkeypatch.setattr(cli, "main", lambda arguments: 1 / 0)
    assert __main__.main() == 1
    *whole, last = capsys.readouterr().err.splitlines()
    assert whole[0].startswith("Traceback")
    assert last.startswith("nst: ZeroDivisionError: division by zero (this is a bug in nst")


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    listed = run(capsys, "settings")[1]
    assert sum(line.startswith("  ") for line in listed.splitlines()) == len(fields())
    assert [line[:-1] for line in listed.splitlines() if line.endswith(":")] == list(GROUPS.values())
    assert run(capsys, "settings", "--style-weight"[2:])[1].endswith(
        "a number from 0 to 1e15, or auto\n  default  16\n"
    )
    preset = run(capsys, "settings", "keep-colors")[1].splitlines()
    assert preset[0].startswith("preset keep-colors: ")
    assert dict(line.split() for line in preset[1:]) == {
        name: text(value) for name, value in presets.load("keep-colors").values.items()
    }
    assert "did you mean keep-colors?" in run(capsys, "settings", "keep-colours")[2]
    assert json.loads(run(capsys, "settings", "--schema")[1])["properties"]["size"]["maximum"] == 16384
    assert json.loads(run(capsys, "settings", "--schema", "manifest")[1])["required"] == ["content", "style"]
    assert run(capsys, "settings", "--markdown")[1].startswith("### Most used\n\n| setting | default |")


def test_every_setting_is_a_flag() -> None:
    @click.command()
    @click.argument("style")
    @setting_options()
    def command(style: str, settings: dict[str, str]) -> None:
        click.echo(json.dumps([style, settings]))

    result = CliRunner().invoke(command, ["s.jpg", "--style-weight", "1e4", "--pixel-range", "clamp"])
    assert json.loads(result.output) == ["s.jpg", {"style_weight": "1e4", "pixel_range": "clamp"}]
    shown = CliRunner().invoke(command, ["--help"]).output
    assert all(f"--{name.replace('_', '-')}" in shown for name in fields())


def test_help_lists_options_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("stylize", "reproduce"):
        sections = run(capsys, command, "--help")[1].split("\n\n")
        for title, names in grouped().items():
            [section] = [section for section in sections if section.startswith(f"{title}:\n")]
            listed = [line.split()[0] for line in section.splitlines() if line.startswith("  --")]
            assert set(map(flag, names)) <= set(listed)
    assert sorted(name for names in grouped().values() for name in names) == sorted(fields())


def test_help_begins_with_a_command_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--help")[1]
    assert "nst stylize photo.jpg painting.jpg " in shown[: shown.index("Options:")]


def test_a_configuration_file_changes_that_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """The same pairs as `nst run` and Snakemake make."""
    Path("config").mkdir()
    Path("config/config.yaml").write_text("manifest: mine.csv\nsettings: {size: 768, seed: 3}\n")
    Path("fast.yaml").write_text("settings: {size: 96}\n")
    table("content,style\nlake.jpg,wave.jpg\n", "mine.csv")
    status, out, err = run(capsys, "grid", "--config", "fast.yaml", "--csv")
    assert status == 0, err
    [pair] = csv.DictReader(io.StringIO(out))
    assert (pair["size"], pair["seed"]) == ("96", "3")
