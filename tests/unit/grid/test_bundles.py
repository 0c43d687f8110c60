"""Pairs packed into a cluster's jobs, and one such job done."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT, picture, table
from nst.cli import main
from nst.errors import NstError
from nst.grid import bundles
from nst.grid.bundles import bundled, find, fingerprint, forecast
from nst.grid.config import Config, load_config
from nst.grid.estimate import START_SECONDS, megabytes, minutes
from nst.grid.inputs import Files, local
from nst.grid.pairs import read_grid
from nst.machine import cpu
from nst.settings import make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("c/a.png", "c/b.png", "c/wide.png"):
        picture(name, (48, 20) if "wide" in name else (48, 40))
    for name in ("s/x.png", "s/y.png"):
        picture(name, (30, 40))
    return tmp_path


def grid(config, rows="c/*.png,s/*.png,4|40\n"):
    return read_grid(table(f"content,style,style_weight\n{rows}"), config)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("device", ["cpu", "cuda", "auto"])
@pytest.mark.parametrize("limit", [0, 0.02, 0.05, 1])
def test_every_pair_is_in_one_bundle_and_none_is_longer_than_asked(limit, device):
    config = Config(bundle=limit, device=device, settings={"size": 64})
    pairs, files = grid(config), Files()
    found = bundled(pairs, config, files)
    assert sorted(pair.id for bundle in found for pair in bundle.pairs) == sorted(pair.id for pair in pairs)
    for bundle in found:
        seconds = sum(forecast(pair, config, files)[0] for pair in bundle.pairs)
        assert bundle.seconds == pytest.approx(seconds + START_SECONDS)
        assert seconds <= 60 * limit or len(bundle.pairs) == 1
    assert len({bundle.name for bundle in found}) == len(found)
    if limit == 0:
        assert len(found) == len(pairs)


@pytest.mark.usefixtures("folder")
def test_no_bundle_is_too_large_to_lose(monkeypatch):
    monkeypatch.setattr(bundles, "MAX_IMAGES", 5)
    config = Config(bundle=60)
    assert [len(bundle.pairs) for bundle in bundled(grid(config), config, Files())] == [5, 5, 2]


@pytest.mark.usefixtures("folder")
def test_pairs_that_can_be_stylized_together_are_neighbors():
    config = Config(bundle=60, device="cuda")
    [bundle] = bundled(grid(config), config, Files())
    kinds = [(pair.settings_name, Files().size(pair.content)) for pair in bundle.pairs]
    assert [kind for kind, after in zip(kinds, [*kinds[1:], None], strict=True) if kind != after] == list(
        dict.fromkeys(kinds)
    )


@pytest.mark.usefixtures("folder")
def test_a_bundle_is_the_same_on_every_machine(monkeypatch):
    config = Config(bundle=0.05, device="cpu")
    here = [bundle.name for bundle in bundled(grid(config), config, Files())]
    monkeypatch.setattr("nst.grid.estimate.cpu_has_bf16_units", lambda: not cpu.cpu_has_bf16_units())
    assert [bundle.name for bundle in bundled(grid(config), config, Files())] == here


@pytest.mark.usefixtures("folder")
def test_a_bundles_name_changes_with_each_of_its_pairs():
    first, second, *_ = grid(Config())
    names = {
        fingerprint([first, second]),
        fingerprint([second, first]),
        fingerprint([first]),
        fingerprint([dataclasses.replace(first, settings=make({"seed": 7})), second]),
        fingerprint([dataclasses.replace(first, content="c/other.png"), second]),
        fingerprint([dataclasses.replace(first, styles=(("s/x.png", 0.5),)), second]),
    }
    names |= {fingerprint([first, second], "jpg")}
    assert len(names) == 7
    assert fingerprint([first, second]) == fingerprint([first, second])


@PATIENT
@given(st.floats(0, 1e6), st.integers(1, 5))
def test_what_is_asked_for_grows_with_the_forecast_and_with_each_try(amount, attempt):
    assert minutes(amount, attempt + 1) > minutes(amount, attempt) >= 3 * amount / 60
    assert megabytes(amount + 10, attempt + 1) > megabytes(amount + 10, attempt) >= amount


@pytest.mark.usefixtures("folder")
def test_grid_csv_tells_the_bundle_of_each_pair(capsys):
    Path("config.yaml").write_text("bundle: 0.02\ndevice: cpu\nsettings: {size: 64}\n")
    config = Config(bundle=0.02, device="cpu", settings={"size": 64})
    pairs = grid(config)
    assert main(["grid", "manifest.csv", "--config", "config.yaml", "--csv"]) == 0
    Path("grid.csv").write_text(capsys.readouterr().out)
    found = bundled(pairs, config, Files())
    assert len(found) > 1
    lines = csv.DictReader(Path("grid.csv").read_text().splitlines())
    assert {line["id"]: line["bundle"] for line in lines} == {
        pair.id: bundle.name for bundle in found for pair in bundle.pairs
    }
    assert find(found[1].name, found, "manifest.csv") is found[1]
    with pytest.raises(NstError, match=r"manifest.csv: has no bundle other now"):
        find("other", found, "manifest.csv")


@pytest.mark.usefixtures("folder")
def test_without_bundles_grid_csv_has_no_such_column(capsys):
    table("content,style\nc/*.png,s/*.png\n")
    assert main(["grid", "manifest.csv", "--csv"]) == 0
    assert "bundle" not in next(csv.reader([capsys.readouterr().out.splitlines()[0]]))


def line_of(plan, name):
    return next(line for line in plan.splitlines() if line.startswith(name))


@pytest.mark.usefixtures("folder")
def test_the_plan_of_a_cluster(capsys):
    Path("slurm").mkdir()
    Path("slurm/nst.yaml").write_text("bundle: 60\ndevice: cuda\n")
    table("content,style,style_weight\nc/*.png,s/*.png,4|40\n")
    assert main(["grid", "manifest.csv", "--cluster", "--profile", "slurm"]) == 0
    out = capsys.readouterr().out
    assert "manifest.csv: 12 pairs" in out
    assert "1 job of 12 pairs" in out
    assert "GPU hours" in out
    pairs, config = read_grid("manifest.csv"), load_config("slurm/nst.yaml")
    [whole] = bundled(pairs, config, Files())
    for pair in pairs[:-1]:
        Path(pair.folder("results")).mkdir(parents=True)
        Path(pair.image("results", "png")).touch()
    assert main(["grid", "manifest.csv", "--cluster", "--profile", "slurm"]) == 0
    later = capsys.readouterr().out
    assert "manifest.csv: 12 pairs, 11 images done" in later
    assert "1 job of 12 pairs" in later  # which looks at each and stylizes what is left
    assert line_of(later, "longest") == line_of(out, "longest")  # what Slurm is asked for stays
    assert line_of(later, "hours") != line_of(out, "hours")
    Path(whole.marker("results")).parent.mkdir()
    Path(whole.marker("results")).touch()
    assert main(["grid", "manifest.csv", "--cluster", "--profile", "slurm"]) == 0
    done = capsys.readouterr().out.splitlines()
    assert done[0] == "manifest.csv: 12 pairs, 11 images done"
    assert [line.split()[0] for line in done[1:] if line] == ["run"]  # nothing is left to ask a cluster for
    assert main(["grid", "manifest.csv", "--cluster"]) == 0  # by the profile of the repository
    assert capsys.readouterr().out.endswith("run       nst run manifest.csv --profile slurm\n")
    assert main(["grid", "manifest.csv", "--cluster", "--profile", "nowhere"]) == 1
    assert "there is no profile 'nowhere'; name the folder of one, or use default" in capsys.readouterr().err


def test_a_bundle_is_stylized_and_goes_on(folder, untrained_folder, monkeypatch, capfd):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    monkeypatch.setenv("NST_WORKER", "no")
    Path("presets").mkdir()
    Path("presets/mine.yaml").write_text("settings: {iterations: 3, frame_interval: 0, content_layers: conv1_1}\n")
    Path("config.yaml").write_text(
        "bundle: 60\ndevice: cpu\npresets: presets\n"
        "settings: {size: 40, style_layers: conv1_1, precision: fp32, preset: mine}\n"
    )
    table("content,style\nc/a.png,s/x.png+s/y.png:3\nc/b.png,https://example.org/z.png\n")
    assert main(["grid", "manifest.csv", "--config", "config.yaml", "--csv"]) == 0
    Path("grid.csv").write_text(capfd.readouterr().out)
    name = next(csv.DictReader(Path("grid.csv").read_text().splitlines()))["bundle"]
    job = ["bundle", "manifest.csv", name, "--config", "config.yaml", "-o", "b/done.json", "--work", "work"]
    job += ["--logs", "logs", "--device", "cpu", "--threads", "1"]
    assert main(job) == 1
    told = capfd.readouterr().err.splitlines()
    assert told[0] == "nst: 1 of 2 pairs failed; the others are stylized"
    assert told[1].startswith("nst: b/z/mine")
    copy = local("https://example.org/z.png", "results")
    assert copy in told[1]
    [done] = Path("results/pairs").rglob("image.png")
    record = json.loads((done.parent / "run.json").read_text())
    assert [style["weight"] for style in record["style"]] == [0.25, 0.75]
    assert record["settings"]["preset"] == "mine"
    assert record["settings"]["iterations"] == 3
    assert not Path("b/done.json").exists()

    before = done.stat().st_mtime_ns
    Path(copy).parent.mkdir()
    Path(copy).write_bytes(Path("s/x.png").read_bytes())
    assert main(job) == 0
    assert done.stat().st_mtime_ns == before
    assert len(list(Path("results/pairs").rglob("image.png"))) == 2
    assert len(json.loads(Path("b/done.json").read_text())["pairs"]) == 2
    assert len(list(Path("logs").rglob("*.log"))) == 2


@pytest.mark.usefixtures("folder")
def test_ctrl_c_ends_a_bundle_and_begins_no_other_pair(untrained_folder):
    Path("config.yaml").write_text(
        "bundle: 600\ndevice: cpu\n"
        "settings: {size: 40, iterations: 9000, content_layers: conv1_1, style_layers: conv1_1}\n"
    )
    table("content,style\nc/*.png,s/*.png\n")
    config = load_config("config.yaml")
    [bundle] = bundled(read_grid("manifest.csv", config), config, Files())
    job = ["bundle", "manifest.csv", bundle.name, "--config", "config.yaml", "-o", "done.json"]
    job += ["--work", "work", "--logs", "logs", "--device", "cpu", "--threads", "1"]
    environment = os.environ | {"NST_WEIGHTS_DIR": str(untrained_folder), "NST_WORKER": "no"}
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "nst", *job], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not list(Path("work").rglob("frames")) and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
        process.wait()
    assert len(list(Path("logs").rglob("*.log"))) == 1
    assert not Path("done.json").exists()
