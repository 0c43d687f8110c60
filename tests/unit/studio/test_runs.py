"""Runs: their folders, their states, their order, and what changes make of them."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from nst.errors import NstError
from nst.studio.errors import NotFound
from nst.studio.quotas import Quotas
from nst.studio.runs import StudioRun, fair_order
from studios import browser, jpeg, open_studio, until


def rows(run: StudioRun) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((run.folder / "manifest.csv").read_text())))


def test_a_run_is_a_folder_with_a_manifest_and_links_to_its_images(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    run = studio.runs.get(None, browser(studio).start(contents=2, style_weight=["4", "16"]))
    [row] = rows(run)
    assert row == {
        "content": "images/lake0.jpg|images/lake1.jpg", "style": "images/wave0.jpg",
        "network": "lite", "size": "64", "iterations": "4", "style_weight": "4|16",
    }  # fmt: skip
    assert sorted(path.name for path in (run.folder / "images").iterdir()) == ["lake0.jpg", "lake1.jpg", "wave0.jpg"]
    assert next(iter(run.pairs.values())).id == "lake0/wave0/network=lite+style_weight=4+iterations=4+size=64"
    assert (run.images, run.state, run.title) == (4, "queued", "lake0, lake1 × wave0")
    assert run.seconds > 0


def test_removing_an_upload_does_not_harm_a_run(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    request = person.request()
    run = studio.runs.get(None, person.post("/api/runs", request).json["id"])
    for upload in (request["contents"][0], request["styles"][0][0]["id"]):
        assert person.delete(f"/api/uploads/{upload}").status_code == 204
    assert len(list((run.folder / "images").iterdir())) == 2


def test_a_start_removes_what_a_killed_studio_left(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    run = browser(studio).start()
    (studio.runs.folder / ".0123456789abcdef/images").mkdir(parents=True)
    studio.runs.sweep()
    assert [path.name for path in studio.runs.folder.iterdir()] == [run]


def test_a_run_whose_folder_is_gone_can_be_deleted(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    run = person.start()
    person.post(f"/api/runs/{run}/cancel")
    shutil.rmtree(studio.runs.folder / run)
    assert person.delete(f"/api/runs/{run}").status_code == 204


def test_a_run_that_cannot_be_written_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    request = person.request()

    def removed(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/secret/path")

    def broken(folder: Path) -> None:
        raise NstError(f"{folder}/manifest.csv:2: style: is wrong")

    for name, raises, status, message in (
        ("link", removed, 404, "an image has just been removed; add it again"),
        ("_pairs", broken, 400, "manifest.csv:2: style: is wrong"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"nst.studio.runs.{name}", raises)
            answer = person.post("/api/runs", request)
        assert (answer.status_code, answer.json) == (status, {"error": message})
    assert list(studio.runs.folder.iterdir()) == []


def test_letters_of_every_script_stay_in_titles(tmp_path: Path) -> None:
    person = browser(open_studio(tmp_path))
    names = ["海辺の夕日.jpg", "Москва вечером.jpg", "हिन्दी.jpg", "Köln, ü|b+er.jpg", "x" * 300 + "é.jpg"]
    contents = [person.upload("content", name, jpeg(seed=n)) for n, name in enumerate(names)]
    request = {"contents": contents, "styles": [[{"id": person.upload("style")}]], "settings": {}}
    run = person.post("/api/runs", request).json["id"]
    titles = [pair["content"] for pair in person.watch(run)["pairs"]]
    assert titles[:4] == ["海辺の夕日", "Москва-вечером", "हिन्दी", "Köln-ü-b-er"]


def test_images_of_one_name_stay_apart(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    same = [person.upload("content", "IMG 1.jpg"), person.upload("content", "IMG 1.jpg")]
    request = {"contents": same, "styles": [[{"id": person.upload("style", "IMG 1.jpg")}]], "settings": {}}
    run = studio.runs.get(None, person.post("/api/runs", request).json["id"])
    assert len(run.pairs) == 2
    assert len(list((run.folder / "images").iterdir())) == 3


def test_states_change_only_as_they_may(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    run = person.start()
    assert person.post(f"/api/runs/{run}/retry").status_code == 409
    assert person.delete(f"/api/runs/{run}").status_code == 409
    assert person.post(f"/api/runs/{run}/cancel").status_code == 204
    assert person.post(f"/api/runs/{run}/cancel").status_code == 409
    assert person.post(f"/api/runs/{run}/retry").status_code == 204
    assert person.watch(run)["state"] == "queued"
    person.post(f"/api/runs/{run}/cancel")
    assert person.delete(f"/api/runs/{run}").status_code == 204
    assert not (studio.runs.folder / run).exists()
    assert person.get(f"/api/runs/{run}").status_code == 404


def test_quotas_of_the_queue_and_of_all_runs(tmp_path: Path) -> None:
    studio = open_studio(tmp_path, quotas=Quotas(free_bytes=0, queued=2, runs=3))
    first, second = browser(studio), browser(studio)
    first.start(), first.start()
    request = first.request()
    assert "at most 2 of your runs" in first.post("/api/runs", request).json["error"]
    second.start()
    assert "at most 3 runs" in second.post("/api/runs", second.request()).json["error"]
    assert len(list(studio.runs.folder.iterdir())) == 3  # a refused run leaves no folder


def test_sessions_take_turns() -> None:
    queued = [
        ("a1", "a", None),
        ("a2", "a", None),
        ("a3", "a", None),
        ("b1", "b", None),
        ("c1", "c", None),
        ("b2", "b", None),
    ]
    assert fair_order(queued, {"a": 5.0, "b": 1.0}) == ["c1", "b1", "a1", "b2", "a2", "a3"]


def test_an_interrupted_run_comes_first() -> None:
    assert fair_order([("a1", "a", None), ("b1", "b", 3.0)], {"b": 9.0}) == ["b1", "a1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("more", {"style_weight": "48", "network": "lite", "size": "64"}),
        ("less", {"style_weight": "5.33", "network": "lite", "size": "64"}),
        ("larger", {"size": "1024"}),  # vgg19 is the default
    ],
)
def test_a_next_run_starts_from_the_image(tmp_path: Path, change: str, expected: dict[str, str]) -> None:
    studio = open_studio(tmp_path)
    studio.supervisor.start()
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "done")
    studio.supervisor.stop()
    [key] = studio.runs.get(None, run).pairs
    answer = person.post(f"/api/runs/{run}/again", {"pair": key, "change": change})
    assert answer.status_code == 201
    following = studio.runs.get(None, answer.json["id"])
    [row] = rows(following)
    start = f"images/start-{key}.png"
    assert expected.items() <= row.items()
    assert (row["init"], row["content"], row["style"]) == (start, "images/lake0.jpg", "images/wave0.jpg")
    done = studio.runs.get(None, run)
    assert (following.folder / start).read_bytes() == (
        done.folder / done.pair(key).image("results", "png")
    ).read_bytes()
    assert len(following.pairs) == 1
    assert person.post(f"/api/runs/{following.id}/again", {"pair": key, "change": "more"}).status_code == 404


@pytest.mark.parametrize(("side", "size"), [(1023, "1024"), (1500, "3000"), (3000, "4096"), (5000, "5000")])
def test_a_larger_version_is_never_smaller(tmp_path: Path, side: int, size: str) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    run = studio.runs.get(None, person.start(size=["0"]))  # as large as the content
    [(key, pair)] = run.pairs.items()
    image = run.folder / pair.image("results", "png")
    image.parent.mkdir(parents=True)
    Image.new("RGB", (16, side)).save(image)
    answer = person.post(f"/api/runs/{run.id}/again", {"pair": key, "change": "larger"})
    [row] = rows(studio.runs.get(None, answer.json["id"]))
    assert row["size"] == size


def test_an_unfinished_image_starts_no_other_run(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    run = person.start()
    [key] = studio.runs.get(None, run).pairs
    assert person.post(f"/api/runs/{run}/again", {"pair": key, "change": "more"}).status_code == 409
    assert person.post(f"/api/runs/{run}/again", {"pair": "0" * 16, "change": "more"}).status_code == 404
    assert person.post(f"/api/runs/{run}/again", {"pair": key, "change": "sideways"}).status_code == 400


def test_another_session_has_nothing(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    run = studio.runs.get(None, browser(studio).start())
    for call in (studio.runs.get, studio.runs.cancel, studio.runs.retry, studio.runs.delete):
        with pytest.raises(NotFound):
            call("another", run.id)
    with pytest.raises(NotFound):
        studio.runs.again("another", run.id, next(iter(run.pairs)), "more")
    assert studio.runs.of("another") == []


def test_pairs_are_named_in_words(tmp_path: Path) -> None:
    studio = open_studio(tmp_path)
    person = browser(studio)
    request = person.request(style_weight=["4", "16"])
    request["styles"] = [
        [{"id": person.upload("style", name), "weight": share} for name, share in (("wave.jpg", 7), ("scream.jpg", 3))]
    ]
    run = person.post("/api/runs", request).json["id"]
    pairs = person.watch(run)["pairs"]
    assert [pair["settings"] for pair in pairs] == ["style weight 4", "style weight 16"]
    assert {pair["style"] for pair in pairs} == {"70% wave + 30% scream"}
