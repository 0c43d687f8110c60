"""The application: sessions, access, headers, errors."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from nst.studio.app import POLICY, create_app
from nst.studio.quotas import PER_MINUTE, Quotas, Rates
from nst.studio.routes.common import DOWNLOADS
from nst.studio.runs import _pairs
from nst.studio.studio import Studio
from studios import Browser, browser, jpeg, open_studio, until


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_studio(tmp_path)


@pytest.fixture
def finished(studio: Studio) -> tuple[Studio, Browser, str]:
    """A studio, a browser, and its finished run of two images."""
    studio.supervisor.start()
    person = browser(studio)
    run = person.start(contents=2)
    until(lambda: person.watch(run)["state"] == "done")
    studio.supervisor.stop()
    return studio, person, run


def test_the_web_process_never_imports_torch() -> None:
    code = (
        "import sys; import nst.studio.server, nst.studio.routes.shares, nst.commands.studio\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules, 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pages_load_nothing_inline_or_from_elsewhere(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    for path in ("/", f"/runs/{run}", "/login", "/link", "/nothing"):
        answer = person.get(path, headers={"Accept": "text/html"})
        html = answer.get_data(as_text=True)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|https?://",
            re.sub(r"<script type=.application/json.*?</script>", "", html, flags=re.S),
        ), path
        assert not re.search(r"<script(?![^>]*(src=|application/json))", html), path


def test_the_cookie_is_for_servers_only(studio: Studio) -> None:
    cookie = create_app(studio).test_client().get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_behind_a_proxy_cookies_are_secure_and_addresses_are_the_clients(tmp_path: Path) -> None:
    studio = open_studio(tmp_path, proxy=True)
    client = create_app(studio).test_client()
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "studio.example.org", "X-Forwarded-For": "203.0.113.9"}
    answer = client.get("/", headers=headers)
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]
    studio.rates = Rates(PER_MINUTE | {"session": 1})
    client = create_app(studio).test_client(use_cookies=False)
    addresses = ("203.0.113.9", "203.0.113.10", "203.0.113.9")
    codes = [client.get("/", headers=headers | {"X-Forwarded-For": address}).status_code for address in addresses]
    assert codes == [200, 200, 429]


def test_requests_without_the_token_of_the_page_are_refused(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    [key] = studio.runs.get(None, run).pairs
    requests = [
        ("POST", "/api/uploads?kind=content&name=a.jpg", {"data": jpeg()}),
        ("POST", "/api/check", {"json": person.request()}),
        ("PUT", f"/api/runs/{run}/stars", {"json": {"pair": key, "stars": 3}}),
        ("POST", f"/api/runs/{run}/cancel", {}),
        ("DELETE", f"/api/runs/{run}", {}),
    ]
    for method, path, body in requests:
        assert person.client.open(path, method=method, **body).status_code == 400, path
    assert person.watch(run)["state"] == "queued"
    for method, path, body in requests:
        assert person.client.open(path, method=method, headers=person.headers, **body).status_code < 300, path


def test_another_session_sees_nothing(finished: tuple[Studio, Browser, str]) -> None:
    studio, person, run = finished
    [key, _] = studio.runs.get(None, run).pairs
    upload = person.upload()
    other = browser(studio)
    gallery = studio.runs.get(None, run).results / "gallery"
    gallery.mkdir()
    (gallery / "index.html").touch()
    for path in (
        f"/runs/{run}", f"/api/runs/{run}", f"/uploads/{upload}.webp", f"/runs/{run}/frames/{key}.jpg",
        f"/runs/{run}/whole/{key}", f"/runs/{run}/download.zip", f"/runs/{run}/recipe.zip",
        f"/runs/{run}/gallery/index.html", f"/runs/{run}/images/{key}/small.webp",
    ):  # fmt: skip
        assert other.get(path).status_code == 404, path
        assert person.get(path).status_code == 200, path
    for path in ("cancel", "retry", "again", "keep", "shares", "publish"):
        body = {"pair": key, "change": "more", "days": 1, "downloads": True, "settings": True}
        assert other.post(f"/api/runs/{run}/{path}", body).status_code in (400, 404), path
    assert other.put(f"/api/runs/{run}/stars", {"pair": key, "stars": 3}).status_code == 404
    assert other.delete(f"/api/runs/{run}").status_code == 404
    assert other.delete(f"/api/uploads/{upload}").status_code == 404
    assert other.get("/api/runs").json == {"runs": []}
    assert other.get("/api/uploads").json == {"uploads": []}
    request = {"contents": [upload], "styles": [[{"id": other.upload("style")}]], "settings": {}}
    assert other.post("/api/runs", request).status_code == 404
    assert other.post("/api/check", request).status_code == 404


def test_with_a_token_only_those_who_know_it_enter(tmp_path: Path) -> None:
    studio = open_studio(tmp_path, token="a-long-access-token")
    client = create_app(studio).test_client()
    assert client.get("/").location == "/login#ask"
    assert client.get("/api/runs").status_code == 401
    assert client.get("/health").json == {"status": "ok"}
    page = client.get("/login").get_data(as_text=True)
    headers = {"X-CSRFToken": re.search(r'csrf-token" content="([^"]+)', page)[1]}
    wrong = client.post("/login", json={"token": "wrong"}, headers=headers)
    assert wrong.status_code == 401
    assert wrong.json["error"].startswith("this is not the access token")
    assert client.get("/api/runs").status_code == 401
    assert client.post("/login", json={"token": "a-long-access-token"}, headers=headers).status_code == 204
    assert client.get("/api/runs").json == {"runs": []}


def test_the_access_token_does_not_stay_in_the_url(tmp_path: Path) -> None:
    """A redirect without a fragment keeps that of the URL, here /login#TOKEN."""
    studio = open_studio(tmp_path, token="a-long-access-token")
    person = browser(studio)
    person.enter("a-long-access-token")
    assert person.get("/login").location == "/#main"


def test_two_studios_of_one_host_keep_their_sessions(tmp_path: Path) -> None:
    """A browser sends the cookies of a host to each of its ports."""
    first, second = (browser(open_studio(tmp_path / name)) for name in "ab")
    run = first.start()
    for cookie in first.client._cookies.values():
        second.client.set_cookie(cookie.key, cookie.value)
    answer = second.client.get("/").headers["Set-Cookie"]
    first.client.set_cookie(*answer.partition(";")[0].split("=", 1))
    assert first.get(f"/api/runs/{run}").status_code == 200
    assert second.get("/api/runs").json == {"runs": []}


def test_a_table_of_ratings_with_a_mistake_hides_no_run(finished: tuple[Studio, Browser, str]) -> None:
    studio, person, run = finished
    (studio.runs.folder / run / "results/ratings.csv").write_text("id,stars\nlake,many\n")
    assert person.watch(run)["state"] == "done"


def test_a_run_that_cannot_be_read_hides_no_other(studio: Studio) -> None:
    person = browser(studio)
    good, bad = person.start(), person.start()
    (studio.runs.folder / bad / "manifest.csv").write_text("content,style,of_a_newer_version\na,b,c\n")
    _pairs.cache_clear()
    studio.runs.update(bad, state="running", started=time.time())
    assert {run["id"] for run in person.get("/api/runs").json["runs"]} == {good, bad}
    known = person.watch(bad)
    assert (known["state"], known["pairs"], known["text"]) == ("running", [], "0 of 1 image")
    assert known["message"].startswith("manifest.csv:1: of_a_newer_version: ")
    assert person.post(f"/api/runs/{bad}/cancel").status_code == 204
    assert person.delete(f"/api/runs/{bad}").status_code == 204


def test_another_token_ends_what_the_first_has_opened(tmp_path: Path) -> None:
    person = browser(open_studio(tmp_path))
    assert person.post("/login", {"token": ""}).status_code == 204
    cookie = person.client.get_cookie(person.client.application.config["SESSION_COOKIE_NAME"])
    assert cookie
    for token, status in (("", 200), ("a-long-access-token", 401), ("another-long-token", 401)):
        client = create_app(open_studio(tmp_path, token=token)).test_client(use_cookies=False)
        assert client.get("/api/runs", headers={"Cookie": f"{cookie.key}={cookie.value}"}).status_code == status


def test_browsers_without_cookies_do_not_escape_the_limits(studio: Studio) -> None:
    studio.rates = Rates(PER_MINUTE | {"session": 3})
    client = create_app(studio).test_client(use_cookies=False)
    answers = [client.get("/api/runs") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Set-Cookie" not in answers[3].headers
    cookie = answers[0].headers["Set-Cookie"].partition(";")[0]
    assert client.get("/api/runs", headers={"Cookie": cookie}).status_code == 200


def test_guesses_of_the_token_are_few(tmp_path: Path) -> None:
    client = create_app(open_studio(tmp_path, token="a-long-access-token")).test_client()
    headers = {
        "X-CSRFToken": re.search(r'csrf-token" content="([^"]+)', client.get("/login").get_data(as_text=True))[1]
    }
    codes = [client.post("/login", json={"token": str(n)}, headers=headers).status_code for n in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[10:] == [429] * 2


def test_another_device_continues_the_session_once(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    link = person.post("/api/link").json
    code = link["url"].partition("#")[2]
    assert link["url"].startswith("http://localhost/link#")
    phone = browser(studio)
    assert phone.get(f"/api/runs/{run}").status_code == 404
    assert phone.post("/link", {"code": code}).status_code == 204
    assert phone.get(f"/api/runs/{run}").status_code == 200
    assert browser(studio).post("/link", {"code": code}).status_code == 404  # it works once


def test_a_late_answer_does_not_undo_that_a_device_has_joined(studio: Studio) -> None:
    """The cookie of an answer would replace that of the session which was joined after the request."""
    person = browser(studio)
    for path in ("/api/runs", "/link", f"/runs/{person.start()}"):
        assert "Set-Cookie" not in person.get(path).headers, path
    assert "Expires" in person.get("/").headers["Set-Cookie"]  # for another year


def test_pages_whose_fragment_is_a_secret_have_no_link_to_a_fragment(tmp_path: Path) -> None:
    person = browser(open_studio(tmp_path, token="a-long-access-token"))
    for path in ("/login", "/link"):
        assert 'href="#' not in person.get(path).get_data(as_text=True)
    person.enter("a-long-access-token")
    assert 'href="#main"' in person.get("/").get_data(as_text=True)


def test_a_session_has_one_code(studio: Studio) -> None:
    person = browser(studio)
    first, second = (person.post("/api/link").json["url"].partition("#")[2] for _ in range(2))
    assert browser(studio).post("/link", {"code": first}).status_code == 404
    assert browser(studio).post("/link", {"code": second}).status_code == 204
    with studio.database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM codes").fetchone()[0] == 0


def test_a_code_that_is_no_unicode_is_unknown(studio: Studio) -> None:
    assert browser(studio).post("/link", {"code": "\ud800"}).status_code == 404


def test_a_link_for_a_device_ends(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    code = browser(studio).post("/api/link").json["url"].partition("#")[2]
    later = time.time() + 601
    monkeypatch.setattr("nst.studio.routes.pages.time.time", lambda: later)
    assert browser(studio).post("/link", {"code": code}).status_code == 404


def test_other_hosts_are_refused(tmp_path: Path) -> None:
    """A page elsewhere whose name resolves to this machine must not reach the studio."""
    client = create_app(open_studio(tmp_path, hosts=("localhost", "127.0.0.1"))).test_client()
    assert client.get("/", headers={"Host": "localhost:8080"}).status_code == 200
    answer = client.get("/", headers={"Host": "evil.example.org", "Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert "open http://localhost:80 or the link that it printed" in answer.get_data(as_text=True)


def test_a_host_that_is_no_host_is_refused(studio: Studio) -> None:
    client = create_app(studio).test_client()
    assert client.get("/", headers={"Host": "a..b", "Accept": "text/html"}).status_code == 400


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_forms_are_refused_unread(studio: Studio, kind: str) -> None:
    person = browser(studio)
    answer = person.client.post("/api/runs", data=b"--x\r\n" * 1000, content_type=kind, headers=person.headers)
    assert answer.status_code == 415


def test_a_query_that_is_no_text_is_refused(studio: Studio) -> None:
    person = browser(studio)
    answer = person.client.post(
        "/api/uploads", data=jpeg(), headers=person.headers, environ_overrides={"QUERY_STRING": "kind=\xff"}
    )
    assert answer.status_code == 400


def test_bodies_are_bounded(tmp_path: Path) -> None:
    person = browser(open_studio(tmp_path, quotas=Quotas(free_bytes=0, body_bytes=3_000_000, file_bytes=2_000_000)))
    assert person.post("/api/check", {"title": "x" * 1_100_000}).status_code == 413
    answer = person.client.post(
        "/api/uploads?kind=content&name=a.jpg", data=jpeg() + b"\0" * 2_500_000, headers=person.headers
    )
    assert answer.json == {"error": "an image may have at most 2 MB; reduce it"}
    answer = person.client.post("/api/uploads?kind=content&name=a.jpg", data=b"\0" * 3_500_000, headers=person.headers)
    assert answer.status_code == 413


def test_a_poll_without_news_is_short(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    first = person.get(f"/api/runs/{run}")
    second = person.get(f"/api/runs/{run}", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.data) == (304, b"")


def test_a_run_may_start_while_it_is_looked_at(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    person = browser(studio)
    run = person.start()
    monkeypatch.setattr(studio.runs, "waiting", list)
    assert person.watch(run)["text"] == "starts in a moment"


def test_downloads(finished: tuple[Studio, Browser, str]) -> None:
    _, person, run = finished
    images = zipfile.ZipFile(BytesIO(person.get(f"/runs/{run}/download.zip").data))
    assert len(images.namelist()) == 2
    assert images.testzip() is None
    recipe = zipfile.ZipFile(BytesIO(person.get(f"/runs/{run}/recipe.zip").data))
    names = {name.partition("/")[2] for name in recipe.namelist()}
    assert names == {
        "manifest.csv",
        "config.yaml",
        "README.txt",
        "images/lake0.jpg",
        "images/lake1.jpg",
        "images/wave0.jpg",
    }
    assert person.watch(run)["commands"][0] == f"unzip nst-{run}.zip && cd nst-{run}"


def test_slow_downloads_leave_threads_to_others(finished: tuple[Studio, Browser, str]) -> None:
    _, person, run = finished
    path = f"/runs/{run}/download.zip"
    slow = [person.client.get(path) for _ in range(DOWNLOADS)]
    assert person.get(path).status_code == 503
    slow.pop().close()
    for _ in range(2):
        assert person.client.head(path, buffered=True).status_code == 200  # whose body is never sent
    assert person.get(path).status_code == 200
    for answer in slow:
        answer.close()


def test_a_run_may_be_deleted_while_it_is_used(
    finished: tuple[Studio, Browser, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, person, run = finished
    [key, _] = studio.runs.get(None, run).pairs
    known = studio.runs.get(None, run)
    assert person.delete(f"/api/runs/{run}").status_code == 204
    monkeypatch.setattr(studio.runs, "get", lambda *_: known)
    for path in (f"/runs/{run}/recipe.zip", f"/runs/{run}/download.zip", f"/runs/{run}/whole/{key}"):
        assert person.get(path).status_code in (200, 404), path
    body = {"days": 1, "downloads": True, "settings": True}
    assert person.post(f"/api/runs/{run}/shares", body).status_code == 404
    answer = person.put(f"/api/runs/{run}/stars", {"pair": key, "stars": 3})
    assert answer.status_code < 500
    assert str(studio.options.folder) not in answer.get_data(as_text=True)


def test_the_gallery_is_served_and_nothing_beside_it(finished: tuple[Studio, Browser, str]) -> None:
    studio, person, run = finished
    gallery = studio.runs.get(None, run).results / "gallery"
    gallery.mkdir()
    (gallery / "index.html").write_text("page")
    (gallery / "made.txt").write_text("no type of ours")
    assert person.get(f"/runs/{run}/gallery/index.html").data == b"page"
    for path in (
        "made.txt",
        "../grid.csv",
        "..%2f..%2fmanifest.csv",
        "%2e%2e/manifest.csv",
        "a%00.html",
        "..\\..\\manifest.csv",
        "/etc/hosts",
        "a" * 300,
        "a/" * 3000 + "a.html",
        ".hidden.html",
    ):
        assert person.get(f"/runs/{run}/gallery/{path}").status_code in (404, 308), path
    assert person.get(f"/runs/{run}/gallery/index.html").headers["X-Content-Type-Options"] == "nosniff"


def test_a_kept_frame_becomes_an_image_of_the_session(finished: tuple[Studio, Browser, str]) -> None:
    studio, person, run = finished
    [key, _] = studio.runs.get(None, run).pairs
    kept = person.post(f"/api/runs/{run}/keep", {"pair": key})
    assert kept.status_code == 201
    assert kept.json["name"] == "lake0 wave0 300.jpg"
    assert kept.json["id"] in [upload["id"] for upload in person.get("/api/uploads").json["uploads"]]


def test_errors_are_one_message_without_paths(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/secret/path")

    person = browser(studio)
    monkeypatch.setattr(studio.runs, "of", broken)
    answer = person.get("/api/runs")
    assert (answer.status_code, answer.json) == (500, {"error": "this failed on the server; see its log"})
