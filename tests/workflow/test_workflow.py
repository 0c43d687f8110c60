"""The real Snakemake on a small grid with a network that nobody has trained."""

from __future__ import annotations

import functools
import http.server
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst.images import read_metadata, read_picture, write_picture
from nst.summaries.ratings import write_rating
from user_folder import REPOSITORY, UserFolder, snakemake

MANIFEST = "content,style,style_weight\nscene.png,stripes.png|bars.png,\nscene.png,stripes.png,40\n"
CONFIG = """
settings: {size: 40, iterations: 6, frame_interval: 2, content_layers: conv2_1, style_layers: conv1_1+conv2_1,
  precision: fp32}
device: cpu
"""


class Project(UserFolder):
    """A user's folder, with an untrained network."""

    def __init__(self, folder: Path, weights: Path):
        super().__init__(folder, NST_WEIGHTS_DIR=str(weights), PYTHONWARNINGS="ignore")
        self.environment |= {"NST_ALLOW_PRIVATE": "1"}  # of the tests' own servers

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        command = snakemake("--cores", "2", *arguments)
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """The jobs that a dry run lists."""
        run = self.snakemake("--dry-run", "--quiet", "rules", *arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        out = run.stdout
        return {job: int(count) for job, count in re.findall(r"^(\w+) +(\d+)$", out, re.MULTILINE)}


@pytest.fixture(scope="module")
def project(tmp_path_factory, scene, stripes, untrained_folder):
    place = Project(tmp_path_factory.mktemp("project"), untrained_folder)
    write_picture(place.folder / "scene.png", scene)
    write_picture(place.folder / "stripes.png", stripes)
    write_picture(place.folder / "bars.png", stripes.swapaxes(0, 1))
    with (place.folder / "bars.png").open("ab") as file:
        file.write(bytes(1_100_000))  # Snakemake compares the contents of files of up to a megabyte only
    place.write("config/manifest.csv", MANIFEST)
    place.write("config/config.yaml", CONFIG)
    place.run = place.snakemake()
    return place


def test_everything_that_was_asked_for_is_there(project):
    assert project.run.returncode == 0, project.run.stdout + project.run.stderr
    results = project.folder / "results"
    grid = pd.read_csv(results / "grid.csv")
    assert len(grid) == 3
    for pair in grid.itertuples():
        folder = project.folder / pair.folder
        names = {path.name for path in folder.iterdir()}
        assert names == {"image.png", "losses.csv", "run.json", "snapshots", "animation.gif"}
        assert max(read_picture(folder / "image.png").pixels.shape) == 40
        assert list(pd.read_csv(folder / "losses.csv")["iteration"]) == [1, 2, 3, 4, 5, 6]
        with Image.open(folder / "animation.gif") as clip:
            assert clip.n_frames == 6  # every iteration, for in the beginning frames are dense
        record = json.loads((folder / "run.json").read_text())
        assert record["id"] == pair.id
        assert record["metrics"]["style_error"] > 0
        assert record["iterations_run"] == 6
        metadata = read_metadata(folder / "image.png")
        assert metadata["settings"] == record["settings"]
        assert metadata["content"]["sha256"] == record["content"]["sha256"]
    made = {str(path.relative_to(results)) for path in results.rglob("*") if path.suffix in (".csv", ".html", ".png")}
    for name in ("tables/comparison.csv", "tables/comparison.html", "plots/errors.png"):
        assert name in made
    assert len(list((results / "sheets").glob("*.png"))) == 1  # the pair with weight 40 is on the sheet of its sweep
    sweeps = sorted(path.name for path in (results / "sheets/sweeps").iterdir())
    assert sweeps == ["scene--stripes.html", "scene--stripes.png"]
    assert len(pd.read_csv(results / "tables/comparison.csv")) == 3
    assert not list((results / ".work").rglob("*.pt"))


def test_a_run_ends_with_what_it_made_and_the_page_to_open(project):
    lines = ending_of(project.run)
    assert lines == [
        "images    3 stylized",
        "sheets    results/sheets",
        "plots     results/plots",
        "tables    results/tables/comparison.html",
        f"gallery   {(project.folder / 'results/gallery/index.html').as_uri()}",
    ]


def ending_of(run):
    """The lines of a run's output that tell how it ended."""
    lines = (run.stdout + run.stderr).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("images    "))
    return list(itertools.takewhile(lambda line: not line.startswith("log       "), lines[first:]))


def test_what_is_no_longer_asked_for(project):
    """Sheets and plots of groups that are gone are removed, images and what is not ours stay."""
    results = project.folder / "results"
    sheets = {f"sheets/sweeps/scene--stripes{suffix}" for suffix in (".png", ".html")}
    made = sheets | {"plots/losses/sweeps/scene--stripes.png"}
    foreign = {"sheets/mine.png", "sheets/sweeps/mine--own.html", "plots/losses/mine.png"}
    for name in foreign:
        (results / name).touch()

    def files():
        return {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}

    before = files()
    assert made < before
    try:
        project.write("config/manifest.csv", MANIFEST[: MANIFEST.index("scene.png,stripes.png,40")])
        run = project.snakemake("results/grid.csv")
        assert run.returncode == 0, run.stdout + run.stderr
        assert ending_of(run) == [
            "images    2 up to date",
            "sheets    results/sheets",
            "plots     results/plots",
            "tables    results/tables/comparison.html",
            f"gallery   {(results / 'gallery/index.html').as_uri()}",
            "removed   3 sheet and plot files of rows that are no longer in the manifest",
            "kept      1 image that no row of the manifest asks for; "
            "`nst grid config/manifest.csv --prune` lists and removes them",
        ]
        gone = {name for name in before - files() if not name.startswith(("logs/", "benchmarks/"))}
        assert gone == made
        assert foreign < files()
        project.write("config/manifest.csv", MANIFEST)
        jobs = project.planned()
        assert (jobs["sweep_sheet"], jobs["plot_sweep_losses"], jobs.get("stylize")) == (1, 1, None)
    finally:
        project.write("config/manifest.csv", MANIFEST)
        for name in foreign:
            (results / name).unlink(missing_ok=True)
        project.snakemake()


def test_a_folder_of_your_own(project, tmp_path):
    """The command that `nst grid` ends with runs there, with our profile and without our configuration."""
    own = Project(tmp_path / "my grid", project.folder)
    for name in ("scene.png", "bars.png"):
        (own.folder / "photos").mkdir(parents=True, exist_ok=True)
        (own.folder / "photos" / name).write_bytes((project.folder / name).read_bytes())
    own.write("my table.csv", "content;style;network;size\nphotos/scene.*;photos/bars.png;lite;32\n")
    environment = own.environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ask = functools.partial(subprocess.run, cwd=own.folder, env=environment, capture_output=True, text=True)
    told = ask([sys.executable, "-m", "nst", "grid", "my table.csv"], check=True)
    command = told.stdout.splitlines()[-1].removeprefix("run       ")
    run = ask(f"{command} -- pairs", shell=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Using workflow specific profile {REPOSITORY}/profiles/default" in run.stderr
    [record] = (own.folder / "results/pairs").rglob("run.json")
    assert record.parent.name == "network=lite+size=32"
    assert json.loads(record.read_text())["settings"]["iterations"] == 300  # not the 200 of the demo's config.yaml
    assert ending_of(run) == ["images    1 stylized"]


def test_a_finished_grid_is_left_alone(project, monkeypatch, tmp_path):
    assert project.planned() == {}
    monkeypatch.setitem(project.environment, "NST_WEIGHTS_DIR", "")  # the weights are gone: nobody needs them now
    monkeypatch.setitem(project.environment, "NST_CACHE", str(tmp_path))
    assert project.planned() == {}


def test_weights_are_downloaded_only_where_the_installation_has_none(project, monkeypatch):
    monkeypatch.setitem(project.environment, "NST_WEIGHTS_DIR", "")
    cases = {"vgg19,": 0, "lite,": 0, "vgg19,torchvision": 1, "vgg16,": 1}
    for cells, downloads in cases.items():
        project.write("more.csv", f"content,style,network,weights\nstripes.png,scene.png,{cells}\n")
        jobs = project.planned("--config", "manifest=more.csv")
        assert jobs.get("weights", 0) == downloads, cells


def test_only_what_a_change_touches_is_stylized(project):
    try:
        project.write("config/manifest.csv", MANIFEST + "stripes.png,scene.png,\n")
        assert project.planned()["stylize"] == 1
        project.write("config/manifest.csv", MANIFEST.replace("40", "50"))
        assert project.planned()["stylize"] == 1
        project.write("config/config.yaml", CONFIG.replace("device: cpu", "device: auto"))
        project.write("config/manifest.csv", MANIFEST)
        assert "stylize" not in project.planned()
        project.write("config/config.yaml", CONFIG.replace("iterations: 6", "iterations: 7"))
        assert project.planned()["stylize"] == 3
    finally:
        project.write("config/manifest.csv", MANIFEST)
        project.write("config/config.yaml", CONFIG)


def test_time_stamps_of_pictures_do_not_matter(project):
    pictures = [project.folder / name for name in ("scene.png", "stripes.png", "bars.png")]
    times = [path.stat() for path in pictures]
    for path in pictures:
        os.utime(path)
    try:
        assert project.planned() == {}
    finally:
        for path, before in zip(pictures, times, strict=True):
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_picture_that_another_one_replaces_is_stylized_again(project):
    """An older one too, as `mv`, `rsync -a` and `unzip` leave it."""
    bars = project.folder / "bars.png"
    kept, times = bars.read_bytes(), bars.stat()
    try:
        write_picture(bars, np.zeros((20, 20, 3), np.float32))
        os.utime(bars, (10**9, 10**9))
        assert project.planned()["stylize"] == 1
    finally:
        bars.write_bytes(kept)
        os.utime(bars, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.planned() == {}


def test_a_preset_that_changes_reaches_the_grid(project):
    project.write("config/presets/mine.yaml", "settings: {style_weight: 3}\n")
    project.write("own.csv", "content,style,preset,name\nscene.png,bars.png,mine,own\n")
    asked = ("--config", "manifest=own.csv", "results=own/")
    run = project.snakemake(*asked)
    assert run.returncode == 0, run.stdout + run.stderr
    assert project.planned(*asked) == {}
    project.write("config/presets/mine.yaml", "settings: {style_weight: 4}\n")
    jobs = project.planned(*asked)
    assert (jobs["stylize"], jobs["grid"]) == (1, 1)


def test_a_rating_makes_the_tables_and_the_gallery_again(project):
    asked, results = ("--config", "results=rated", "--", "gallery"), project.folder / "rated"
    assert project.snakemake(*asked).returncode == 0
    rated = pd.read_csv(results / "grid.csv")["id"][1]
    write_rating(results, rated, 4)
    run = project.snakemake(*asked)
    assert run.returncode == 0, run.stdout + run.stderr
    stars = pd.read_csv(results / "tables/comparison.csv").set_index("id")["stars"]
    assert stars.dropna().to_dict() == {rated: 4}
    assert '"stars":4' in (results / "gallery/data.js").read_text()
    assert project.planned(*asked) == {}
    write_rating(results, pd.read_csv(results / "grid.csv")["id"][1], 2)
    assert project.planned(*asked) == {"compare": 1, "gallery": 1, "total": 2}


def test_snapshots_are_kept_whole_and_have_a_sheet(project):
    project.write("kept.csv", "content,style,snapshot_interval,name\nscene.png,bars.png,3,kept\n")
    run = project.snakemake("--config", "manifest=kept.csv", "results=kept", "--", "sheets")
    assert run.returncode == 0, run.stdout + run.stderr
    folder = project.folder / "kept/pairs/scene/bars/kept/snapshots"
    assert sorted(path.name for path in folder.glob("*.png")) == ["000003.png", "000006.png"]
    assert read_metadata(folder / "000003.png")["iteration"] == 3
    last, whole = (read_picture(path).pixels for path in (folder / "000006.png", folder.parent / "image.png"))
    assert (last == whole).all()
    assert (project.folder / "kept/sheets/snapshots/scene/bars/kept.png").exists()


def test_a_spoiled_manifest_stops_it_with_every_mistake_and_no_traceback(project):
    project.write("bad.csv", "content,style,size\ngone.png,stripes.png,big\n")
    failed = project.snakemake("--config", "manifest=bad.csv")
    told = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert "Traceback" not in told
    assert "bad.csv:2: content" in told
    assert "bad.csv:2: size" in told
    assert (project.folder / "results/grid.csv").exists()


def test_pictures_may_be_addresses(project, tmp_path):
    class Serve(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path):
            return super().translate_path("/stripes.png" if path == "/bars.png?version=2&token=letmein" else path)

    serve = functools.partial(Serve, directory=project.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        # Two versions of one path, as servers of images have them: each is fetched for itself.
        style = f"{address}/bars.png?version=1|{address}/bars.png?version=2&token=letmein"
        project.write("remote.csv", f"content,style\n{address}/scene.png,{style}\n")
        asked = ("--config", "manifest=remote.csv", "results=remote")
        run = project.snakemake(*asked)
        server.shutdown()
    assert run.returncode == 0, run.stdout + run.stderr
    assert project.planned(*asked) == {}  # without the server
    kept = [*(project.folder / "remote").rglob("*"), *(project.folder / ".snakemake").rglob("*")]
    assert not [path for path in kept if path.is_file() and b"letmein" in path.read_bytes()]
    assert "letmein" not in run.stdout + run.stderr
    project.write("remote.csv", f"content,style\n{address}/scene.png,{style.replace('letmein', 'anew')}\n")
    assert {"fetch", "stylize"}.isdisjoint(project.planned(*asked))  # a URL that was signed again is the same image
    folder, _ = pd.read_csv(project.folder / "remote/grid.csv")["folder"]
    here = json.loads((project.folder / "results/pairs/scene/bars" / Path(folder).name / "run.json").read_text())
    there = json.loads((project.folder / folder / "run.json").read_text())
    assert there["content"]["sha256"] == here["content"]["sha256"]
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-3)  # on another number of threads
    styles = [json.loads(path.read_text())["style"][0] for path in (project.folder / "remote/pairs").rglob("run.json")]
    assert len({style["sha256"] for style in styles}) == len({style["path"] for style in styles}) == 2
    with Image.open(next((project.folder / "remote/sheets").glob("*.png"))) as sheet:
        colors = sheet.getcolors(1 << 24)
    assert (241, 241, 239) not in {color for _, color in colors}  # no empty box in an input's place
    project.write("remote.csv", f"content,style,seed\n{address}/scene.png,{style},0|1\n")
    assert project.planned(*asked)["stylize"] == 2


def test_bundles_give_the_images_that_single_pairs_give(project, tmp_path):
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=project.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        style = f"http://127.0.0.1:{server.server_port}/bars.png"
        project.write("bundled.csv", f"content,style,snapshot_interval\nscene.png,stripes.png|{style},3\n")
        asked = ("--config", "manifest=bundled.csv", "results=bundled", "bundle=5", "video=mp4", "threads=1")
        jobs = project.planned(*asked)
        assert (jobs["bundle"], jobs["video"], jobs["snapshot_sheet"], jobs.get("stylize")) == (1, 2, 2, None)
        run = project.snakemake(*asked)
        assert run.returncode == 0, run.stdout + run.stderr
        assert project.planned(*asked) == {}

        grid = pd.read_csv(project.folder / "bundled/grid.csv")
        first, second = (project.folder / folder for folder in grid["folder"])
        kept = {"image.png", "losses.csv", "run.json", "snapshots", "animation.gif", "animation.mp4"}
        assert {path.name for path in first.iterdir()} == kept
        alone = json.loads((project.folder / "results/pairs/scene/stripes" / first.name / "run.json").read_text())
        together = json.loads((first / "run.json").read_text())
        assert together["losses"] == pytest.approx(alone["losses"], rel=1e-3)  # on another number of threads
        marker = json.loads(next((project.folder / "bundled/bundles").glob("*.json")).read_text())
        assert marker["pairs"] == list(grid["id"])

        (first / "image.png").unlink()
        jobs = project.planned(*asked)
        assert (jobs["stylize"], jobs.get("bundle")) == (1, None)
        before = (second / "image.png").stat().st_mtime_ns
        project.write("bundled.csv", f"content,style,snapshot_interval\nscene.png,stripes.png|{style}|scene.png,3\n")
        run = project.snakemake(*asked, "--", "pairs")
        assert run.returncode == 0, run.stdout + run.stderr
        assert (first / "image.png").exists()
        assert (second / "image.png").stat().st_mtime_ns == before
        server.shutdown()
    assert len(list((project.folder / "bundled/pairs").rglob("image.png"))) == 3


def test_a_bundle_that_fails_says_which_of_its_pairs_did(project):
    whole = (project.folder / "scene.png").read_bytes()
    data = whole.index(b"IDAT") + 6
    (project.folder / "half.png").write_bytes(whole[:data] + b"\xff" * 9 + whole[data + 9 :])  # seen when it is decoded
    project.write("half.csv", "content,style\nscene.png|half.png,stripes.png\n")
    asked = ("--config", "manifest=half.csv", "results=half", "bundle=5", "rank_by=style_error")
    run = project.snakemake(*asked, "--profile", str(REPOSITORY / "profiles/default"))
    told = run.stdout + run.stderr
    assert run.returncode == 1
    assert re.search(r"^error     bundle \S+: 1 of 2 pairs failed; the others are stylized$", told, re.MULTILINE)
    assert re.search(r"^          half/stripes/\S+: half.png: the image is truncated", told, re.MULTILINE)
    assert "Traceback" not in told
    pictures, failed, gallery, advice = ending_of(run)
    assert pictures == "images    1 stylized, 1 failed"
    assert re.match(r"failed    half/stripes/\S+: half.png: the image is truncated", failed)
    assert gallery == f"gallery   {(project.folder / 'half/gallery/index.html').as_uri()}"
    assert advice.startswith("next      run the same command again to make what is missing")
    assert '"ranked_by":"style_error"' in (project.folder / "half/gallery/data.js").read_text()
    assert len(list((project.folder / "half/pairs").rglob("image.png"))) == 1
    run = project.snakemake(*asked, "--", "pairs")
    assert run.returncode == 1
    _, _, so_far, _ = ending_of(run)  # the gallery was not requested
    assert so_far == "so far    `nst gallery half/grid.csv` makes a gallery of the finished images"
    shown = {pair["id"].partition("/")[0]: pair for pair in gallery_of(project.folder / "half")["pairs"]}
    assert shown["scene"]["status"] == "done"
    assert (shown["half"]["status"], shown["half"]["error"][:9]) == ("missing", "half.png:")

    (project.folder / "half.png").write_bytes(whole)
    run = project.snakemake(*asked)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {pair["status"] for pair in gallery_of(project.folder / "half")["pairs"]} == {"done"}


def gallery_of(results):
    """The data of a gallery."""
    return json.loads((results / "gallery/data.js").read_text().removeprefix("gallery.data(").removesuffix(");\n"))


def test_a_report_has_the_gallery_the_tables_and_the_sheets(project, tmp_path):
    run = project.snakemake("--report", str(tmp_path / "report.zip"))
    assert run.returncode == 0, run.stdout + run.stderr
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        report.extractall(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    told = "".join((tmp_path / name).read_text() for name in names if name.endswith(("report.html", "results.js")))
    for name in ("index.html", "data.js", "comparison.html", "errors.png", "scene--stripes.png"):
        assert any(Path(found).name == name for found in names), sorted(names)
    for text in ("Gallery", "Tables", "Sheets", "Sweeps"):
        assert text in told


@pytest.mark.parametrize("bundle", [0, 5])
def test_presets_may_be_elsewhere(project, bundle):
    project.write("elsewhere/mine.yaml", "settings: {style_weight: 3}\n")
    project.write("presets.csv", "content,style,preset\nscene.png,bars.png,mine\n")
    results = f"presets{bundle}"
    config = ("manifest=presets.csv", f"results={results}", "presets=elsewhere", f"bundle={bundle}")
    run = project.snakemake("--config", *config, "--", "pairs")
    assert run.returncode == 0, run.stdout + run.stderr
    [record] = (project.folder / results).rglob("run.json")
    assert json.loads(record.read_text())["settings"]["style_weight"] == 3
