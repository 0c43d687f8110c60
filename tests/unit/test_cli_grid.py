"""`nst`, `nst grid`, `nst settings` and the flags of the settings, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from gridfiles import picture, table
from nst import __main__, cli
from nst.commands.options import setting_options
from nst.estimate import duration_text, estimate
from nst.settings import GROUPS, defaults, fields, flag, grouped, make


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
        "jobs      1 picture to paint\ntime      about "
    )


def test_grid_is_short_and_tells_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    table("content,style,seed\nlake.jpg|pine.jpg,wave.jpg," + "|".join(map(str, range(50))) + "\n")
    picture("results/pairs/lake/wave/seed=7/image.png")
    status, out, _ = run(capsys, "grid", "manifest.csv", "--limit", "3")
    assert status == 0
    assert "  … and 97 more (--limit 0 shows them)" in out
    assert "jobs      99 pictures to paint, 1 picture there already" in out
    assert len(out.splitlines()) < 30
    assert len(run(capsys, "grid", "manifest.csv", "--limit", "0")[1].splitlines()) > 150


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
    (("grid", "no.csv"), "nst: no.csv: there is no such manifest; check the path\n"),
    (("gird",), "nst: there is no command 'gird'; did you mean grid?\n"),
    (
        ("grid", "--limit", "x"),
        "nst: Invalid value for '--limit': 'x' is not a valid integer; see `nst grid --help`\n",
    ),
    (("settings", "sise"), "nst: there is no setting 'sise'; did you mean size?\n"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_what_the_user_can_mend_is_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    table("content,style\nlak.jpg,wave.jpg\n")
    assert run(capsys, *arguments) == (1, "", sentence)


def test_what_should_not_happen_ends_in_a_line_for_logs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["nst", "settings"])
    monkeypatch.setattr(cli, "main", lambda arguments: 1 / 0)
    assert __main__.main() == 1
    *whole, last = capsys.readouterr().err.splitlines()
    assert whole[0].startswith("Traceback")
    assert last.startswith("nst: ZeroDivisionError: division by zero (this should not happen")


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    listed = run(capsys, "settings")[1]
    assert sum(line.startswith("  ") for line in listed.splitlines()) == len(fields())
    assert [line[:-1] for line in listed.splitlines() if line.endswith(":")] == list(GROUPS.values())
    assert run(capsys, "settings", "--style-weight"[2:])[1].endswith(
        "a number from 0 to 1e15, or auto\n  default  16\n"
    )
    assert json.loads(run(capsys, "settings", "--schema")[1])["properties"]["size"]["maximum"] == 16384
    assert json.loads(run(capsys, "settings", "--schema", "manifest")[1])["required"] == ["content", "style"]
    assert run(capsys, "settings", "--markdown")[1].startswith("### Most used\n\n| setting | default |")


def test_every_setting_is_a_flag() -> None:
    @click.command()
    @click.argument("style")
    @setting_options()
    def command(style: str, settings: dict[str, str]) -> None:
        click.echo(json.dumps([style, settings]))

    result = CliRunner().invoke(command, ["s.jpg", "--style-weight", "1e4", "--range", "clamp"])
    assert json.loads(result.output) == ["s.jpg", {"style_weight": "1e4", "range": "clamp"}]
    shown = CliRunner().invoke(command, ["--help"]).output
    assert all(f"--{name.replace('_', '-')}" in shown for name in fields())


def test_help_lists_options_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("stylize", "again"):
        sections = run(capsys, command, "--help")[1].split("\n\n")
        for title, names in grouped().items():
            [section] = [section for section in sections if section.startswith(f"{title}:\n")]
            listed = [line.split()[0] for line in section.splitlines() if line.startswith("  --")]
            assert set(map(flag, names)) <= set(listed)
    assert sorted(name for names in grouped().values() for name in names) == sorted(fields())


def test_help_begins_with_a_command_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--help")[1]
    assert "nst stylize photo.jpg painting.jpg " in shown[: shown.index("Options:")]


def test_estimates_grow_with_the_work() -> None:
    def of(cores: int = 1, **values: object) -> tuple[float, float]:
        return estimate(make({"size": "512", **values}), (400, 300), cores)

    assert of(size=1024)[0] > of()[0] > of(size=256)[0]
    assert of(size=1024)[1] > of()[1]
    assert of(style_layers="conv1_1", content_layers="conv1_1")[0] < of()[0]
    assert of(cores=4)[0] < of()[0]
    assert of(fit="square")[1] > of()[1]
    assert of(scales=4)[0] < of()[0]
    assert estimate(defaults(), (0, 0), 1) == of()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (12000, "3 h 20 min"), (187200, "2 days 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
