"""Links to a run: what a visitor sees, and until when."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from nst.images.metadata import png_text
from nst.studio.progress import image_of
from nst.studio.studio import Studio
from studios import Browser, browser, open_studio, until


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Studio, Browser, str]:
    """A studio, a browser in it, and its finished run."""
    studio = open_studio(tmp_path)
    studio.supervisor.start()
    person = browser(studio)
    run = person.start(contents=2)
    until(lambda: person.watch(run)["state"] == "done")
    studio.supervisor.stop()
    return studio, person, run


def share(person: Browser, run: str, days: int = 7, downloads: bool = True, settings: bool = True) -> dict[str, str]:
    answer = person.post(f"/api/runs/{run}/shares", {"days": days, "downloads": downloads, "settings": settings})
    assert answer.status_code == 201
    return dict(answer.json)


def test_a_visitor_sees_the_images_and_nothing_else(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    link = share(person, run)
    path = link["url"].removeprefix("http://localhost")
    assert len(path) > 30  # unguessable
    visitor = browser(studio)
    page = visitor.get(path).get_data(as_text=True)
    for key in studio.runs.get(None, run).pairs:
        for size in ("small", "large"):
            assert f"{path}/images/{key}/{size}.webp" in page
            assert visitor.get(f"{path}/images/{key}/{size}.webp").status_code == 200
        assert visitor.get(f"{path}/whole/{key}").mimetype == "image/png"
    assert visitor.get(f"{path}/download.zip").mimetype == "application/zip"
    assert "iterations 4" in page
    assert visitor.get(f"/api/runs/{run}").status_code == 404
    assert visitor.get("/s/no-such-link").status_code == 404


def test_a_link_needs_no_access_token(tmp_path: Path) -> None:
    studio = open_studio(tmp_path, token="a-long-access-token")
    person = browser(studio)
    person.enter("a-long-access-token")
    path = share(person, person.start())["url"].removeprefix("http://localhost")
    visitor = browser(studio)
    assert visitor.get(path).status_code == 200
    assert visitor.get("/api/runs").status_code == 401


def test_downloads_and_settings_are_left_out(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    path = share(person, run, downloads=False, settings=False)["url"].removeprefix("http://localhost")
    visitor = browser(studio)
    page = visitor.get(path).get_data(as_text=True)
    assert "iterations 4" not in page
    assert "download.zip" not in page
    assert visitor.get(f"{path}/download.zip").status_code == 404
    [key, _] = studio.runs.get(None, run).pairs
    assert visitor.get(f"{path}/whole/{key}").status_code == 404


def test_a_link_ends_when_it_is_revoked(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    link = share(person, run)
    path = link["url"].removeprefix("http://localhost")
    other = browser(studio)
    assert other.delete(f"/api/shares/{link['id']}").status_code == 404
    assert other.get(path).status_code == 200
    assert [item["id"] for item in person.watch(run)["shares"]] == [link["id"]]
    assert person.delete(f"/api/shares/{link['id']}").status_code == 204
    assert other.get(path).status_code == 404
    assert other.get(f"{path}/preview.jpg").status_code == 404
    assert person.watch(run)["shares"] == []


def test_a_link_ends_with_its_days(shared: tuple[Studio, Browser, str], monkeypatch: pytest.MonkeyPatch) -> None:
    studio, person, run = shared
    path = share(person, run, days=2)["url"].removeprefix("http://localhost")
    now = time.time()
    monkeypatch.setattr("nst.studio.shares.time.time", lambda: now + 2 * 86400 - 60)
    assert browser(studio).get(path).status_code == 200
    monkeypatch.setattr("nst.studio.shares.time.time", lambda: now + 2 * 86400 + 60)
    assert browser(studio).get(path).status_code == 404


def test_a_link_ends_with_its_run(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    path = share(person, run)["url"].removeprefix("http://localhost")
    assert person.delete(f"/api/runs/{run}").status_code == 204
    assert browser(studio).get(path).status_code == 404


def test_messengers_get_an_image(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    path = share(person, run)["url"].removeprefix("http://localhost")
    visitor = browser(studio)
    assert f'property="og:image" content="http://localhost{path}/preview.jpg"' in visitor.get(path).get_data(
        as_text=True
    )
    answer = visitor.get(f"{path}/preview.jpg")
    image = Image.open(BytesIO(answer.data))
    assert (image.format, image.size) == ("JPEG", (1200, 630))


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"days": 366}, {"days": "1"}, {"days": 1.5}, {"downloads": 1}, {"settings": None}]
)
def test_wrong_values_make_no_link(shared: tuple[Studio, Browser, str], wrong: dict[str, object]) -> None:
    _, person, run = shared
    body = {"days": 1, "downloads": True, "settings": True} | wrong
    assert person.post(f"/api/runs/{run}/shares", body).status_code == 400
    assert person.watch(run)["shares"] == []


def test_downloads_without_settings_do_not_tell_them(shared: tuple[Studio, Browser, str]) -> None:
    studio, person, run = shared
    known = studio.runs.get(None, run)
    for pair in known.pairs.values():
        Image.new("RGB", (40, 24), "teal").save(image_of(known, pair), pnginfo=png_text("the settings"))
    for settings in (True, False):
        path = share(person, run, settings=settings)["url"].removeprefix("http://localhost")
        visitor = browser(studio)
        archive = ZipFile(BytesIO(visitor.get(f"{path}/download.zip").data))
        images = [visitor.get(f"{path}/whole/{key}").data for key in known.pairs]
        images += [archive.read(name) for name in archive.namelist()]
        for data in images:
            assert (b"the settings" in data) == settings
            with Image.open(BytesIO(data)) as image:
                assert image.getpixel((3, 4)) == (0, 128, 128)
        assert any("iterations" in name for name in archive.namelist()) == settings


def test_links_that_have_expired_do_not_count(
    shared: tuple[Studio, Browser, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, person, run = shared
    monkeypatch.setattr("nst.studio.shares.LINKS", 1)
    share(person, run, days=1)
    assert person.post(f"/api/runs/{run}/shares", {"days": 1, "downloads": True, "settings": True}).status_code == 400
    later = time.time() + 86401
    monkeypatch.setattr("nst.studio.shares.time.time", lambda: later)
    share(person, run)
