"""`nst init` and `nst run`, up to the start of Snakemake."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gridfiles import picture, table
from nst.cli import main
from nst.commands import run
from nst.grid.config import load_config
from nst.grid.pairs import read_grid
from user_folder import REPOSITORY


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch):
    """Run the command; the program that it becomes, with its arguments and the first folder of its PATH."""
    calls: list[tuple[list[str], str]] = []

    def execve(program: str, arguments: list[str], environment: dict[str, str]) -> None:
        assert program == sys.executable == arguments[0]
        calls.append((arguments[1:], environment["PATH"].split(os.pathsep)[0]))

    monkeypatch.setattr(run.os, "execve", execve)

    def call(*arguments: str) -> list[str]:
        assert main(["run", *arguments]) == 0
        command, scripts = calls.pop()
        assert scripts == str(Path(sys.executable).parent)
        assert command[:2] == ["-m", "snakemake"]
        return command[2:]

    return call


def grid(name: str) -> None:
    for path in ("lake.jpg", "wave.jpg"):
        picture(path)
    table("content,style\nlake.jpg,wave.jpg\n", name)


def test_snakemake_is_started_with_the_manifest(started) -> None:
    grid("my table.csv")
    default = ["--snakefile", f"{REPOSITORY}/Snakefile", "--workflow-profile", f"{REPOSITORY}/profiles/default"]
    cores = ["--cores", str(os.cpu_count())]
    assert started("my table.csv") == ["--config", "manifest=my table.csv", *default, *cores]
    rest = ["--dry-run", "--", "pairs"]
    assert started("my table.csv", "--cores", "3", "--results", "out/", "--", *rest) == [
        "--config", "manifest=my table.csv", "results=out", *default, "--cores", "3", *rest
    ]  # fmt: skip
    assert started("my table.csv", "--", "-n", "--config", "device=cpu") == [
        *default, *cores, "-n", "--config", "manifest=my table.csv", "device=cpu"
    ]  # fmt: skip
    for option in ("--config=device=cpu", "-Cdevice=cpu", "-C=device=cpu"):
        assert started("my table.csv", "--", "-n", option, "pairs") == [
            "--config", "manifest=my table.csv", "device=cpu", *default, *cores, "-n", "pairs"
        ]  # fmt: skip
    assert started("my table.csv", "--", "--configfile=a.yaml")[:2] == ["--config", "manifest=my table.csv"]
    Path("config").mkdir()
    Path("config/config.yaml").write_text("manifest: my table.csv\n")
    assert started() == started("--") == [*default, *cores]
    Path("other.yaml").write_text("manifest: my table.csv\n")
    assert started("--config", "other.yaml") == ["--configfile", "other.yaml", *default, *cores]


def test_a_cluster_has_its_profile_and_the_profiles_configuration(started) -> None:
    grid("a.csv")
    slurm = f"{REPOSITORY}/profiles/slurm"
    assert started("a.csv", "--profile", "slurm") == [
        "--config", "manifest=a.csv", "--configfile", f"{slurm}/nst.yaml",
        "--snakefile", f"{REPOSITORY}/Snakefile", "--workflow-profile", slurm,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv: there is no such manifest"),
        (["a.csv", "--profile", "slum"], "there is no profile 'slum'"),
        (["a.csv", "--config", "none.yaml"], "none.yaml: "),
        (["a.csv", "--results", "a*"], "--results: 'a*' contains"),
        (["a.csv", "--cores", "0"], "0 is not in the range x>=1"),
        (["a.csv", "--dry-run"], "No such option '--dry-run'"),
    ],
)
def test_mistakes_are_reported_before_snakemake_starts(arguments, message, capsys) -> None:
    grid("a.csv")
    assert main(["run", *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("package", ["snakemake", "snakemake_executor_plugin_slurm"])
def test_missing_packages_are_named(package, monkeypatch, capsys) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: name != package)
    assert main(["run", "a.csv", "--profile", "slurm"]) == 1
    extra = "workflow" if package == "snakemake" else "slurm"
    assert f"pip install '{REPOSITORY}[{extra}]'" in capsys.readouterr().err


def test_a_new_grid_has_four_pairs_and_runs(started, capsys, monkeypatch) -> None:
    assert main(["init", "my grid"]) == 0
    assert "cd 'my grid' && nst run" in capsys.readouterr().out
    monkeypatch.chdir("my grid")
    config = load_config("config/config.yaml")
    assert len(read_grid(config.manifest, config)) == 4
    assert started()[2:4] == ["--workflow-profile", "profiles/default"]
    assert (
        Path("profiles/default/profile.v9+.yaml").read_bytes()
        == Path(REPOSITORY, "profiles/default/profile.v9+.yaml").read_bytes()
    )


def test_init_keeps_what_is_there(capsys) -> None:
    picture("mine/photos/photo.jpg")
    assert main(["init", "mine"]) == 0
    assert [path.name for path in Path("mine/photos").iterdir()] == ["photo.jpg"]
    assert list(Path("mine/paintings").iterdir()) == []
    Path("mine/Snakefile").write_text("# mine")
    assert main(["init", "mine"]) == 1
    assert "mine: has Snakefile, config/config.yaml" in capsys.readouterr().err
    assert Path("mine/Snakefile").read_text() == "# mine"
    assert main(["init", "bare", "--no-samples"]) == 0
    assert list(Path("bare/photos").iterdir()) == []
