"""Requests of any kind to every route of a studio: answered, or refused in one sentence; nothing else is touched."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bounded import bounded
from mutation import JSON_VALUES, altered
from nst.studio.app import create_app
from nst.studio.quotas import PER_MINUTE, Quotas, Rates
from nst.studio.studio import Studio
from studios import Browser, browser, open_studio, until

#: In the names and the bytes of everything that belongs to another session.
SECRET = "q7Jx2Zk9"
#: Headers of every answer.
HEADERS = (
    "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Cache-Control",
    "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy",
)  # fmt: skip
#: Endpoints whose request would end what the other requests need. They are sent ids of others only.
ENDS = ("runs.delete", "uploads.remove", "runs.revoke")


@dataclass(frozen=True)
class Owner:
    """A session with a finished run."""

    cookie: str
    csrf: str
    ids: dict[str, str]  # of each variable of a route

    def request(self) -> dict[str, Any]:
        """A request for a run."""
        styles = [[{"id": self.ids["upload_id"], "weight": 1}, {"id": self.ids["style_id"], "weight": 0.5}]]
        return {
            "title": "a title", "contents": [self.ids["upload_id"]], "styles": styles,
            "settings": {"size": ["64", "96"], "style_weight": ["4"]},
            "masks": {self.ids["upload_id"]: self.ids["upload_id"]},
        }  # fmt: skip


@dataclass(frozen=True)
class World:
    """A studio with an attacker, a victim, and files around it."""

    top: Path
    elsewhere: Path  # which requests may name: its path is no secret, but its files are
    attacker: Owner
    victim: Owner
    routes: list[Any]

    @property
    def folder(self) -> Path:
        return self.top / "studio"

    def client(self) -> FlaskClient:
        studio = open_studio(self.folder, quotas=Quotas(free_bytes=0, file_bytes=100_000, body_bytes=2_000_000))
        studio.rates = Rates(dict.fromkeys(PER_MINUTE, 1_000_000))
        app = create_app(studio)
        app.testing = False  # errors are answered, as in a server
        return app.test_client(use_cookies=False)

    def others(self) -> dict[str, Any]:
        """What no request may change: all that is around the studio, and all that is the victim's."""
        run, upload = self.victim.ids["run_id"], self.victim.ids["upload_id"]
        around = [
            path for path in [*self.top.rglob("*"), *self.elsewhere.rglob("*")] if not path.is_relative_to(self.folder)
        ]
        theirs = [*(self.folder / "runs" / run).rglob("*"), *(self.folder / "uploads").glob(f"{upload}*")]
        found = {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in [*around, *theirs]}
        with open_studio(self.folder).database.connect() as connection:
            for table, column, id in (("runs", "id", run), ("shares", "run", run), ("uploads", "id", upload)):
                rows = connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", (id,))
                found[table] = [tuple(row) for row in rows]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    top = tmp_path_factory.mktemp("around")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for folder in (top, elsewhere):
        for name in ("a.yaml", "a.png", "a.html", "a.csv"):
            (folder / name).write_text(f"{SECRET}: {SECRET}")
    studio = open_studio(top / "studio")
    studio.supervisor.start()
    attacker, victim = (_owner(studio, name) for name in ("mine", SECRET))
    studio.supervisor.stop()
    with studio.database.connect() as connection:  # its message and its link are secret, too
        connection.execute("UPDATE runs SET message = ? WHERE id = ?", (SECRET, victim.ids["run_id"]))
    routes = list(create_app(studio).url_map.iter_rules())
    return World(top, elsewhere, attacker, victim, routes)


def _owner(studio: Studio, name: str) -> Owner:
    person = browser(studio)
    content, style = (person.upload(kind, f"{name}-{kind}.jpg", _jpeg(name)) for kind in ("content", "style"))
    settings = {"network": ["lite"], "size": ["64"], "iterations": ["4"]}
    request = {"title": f"{name} title", "contents": [content], "styles": [[{"id": style}]], "settings": settings}
    run = person.post("/api/runs", request).json["id"]
    until(lambda: person.watch(run)["state"] == "done")
    share = person.post(f"/api/runs/{run}/shares", {"days": 3, "downloads": True, "settings": True}).json
    gallery = studio.runs.get(None, run).results / "gallery"
    gallery.mkdir()
    (gallery / "index.html").write_text(name)
    key = person.watch(run)["pairs"][0]["key"]
    ids = {"run_id": run, "upload_id": content, "style_id": style, "share_id": share["id"], "key": key}
    return Owner(_cookie(person), person.headers["X-CSRFToken"], ids)


def _cookie(person: Browser) -> str:
    cookie = person.client.get_cookie(person.client.application.config["SESSION_COOKIE_NAME"])
    assert cookie
    return f"{cookie.key}={cookie.value}"


@cache
def _jpeg(comment: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(file, "JPEG", comment=comment.encode())
    return file.getvalue()


# ---- requests
#: Parts of a path as servers have misread them, percent-encoded.
PARTS = st.sampled_from([
    "..", "../..", "%2e%2e", "..%2f..%2f", "%252e%252e%252f", "..%5c..%5c", "%00", "a%00.jpg", "%ff%fe",
    "%0d%0aSet-Cookie:%20a=b", "%c0%ae%c0%ae", "%", "%zz", "a" * 300, "a" * 20_000, "%2fetc%2fpasswd", "//etc/passwd", "file:///etc/hosts",
    "http:%2f%2fexample.org", ".", "", " ", "%20", "~root", "..;", "index.html", "small", "large", "content", "style",
    "*", "?", "'%20OR%201=1--", "{{7*7}}", "%7b%7b7*7%7d%7d", "%F0%9F%8E%A8", "%ed%a0%80", "-1", "0", "9" * 400,
    "../../a.html", "..%2f..%2f..%2f..%2fa.html", "secret", "studio.sqlite", "../snakemake.log",
]) | st.text(max_size=20)  # fmt: skip
TEXTS = st.sampled_from([
    "", " ", "\0", "\ud800", "x" * 300, "x" * 100_000, "../../a", "/etc/passwd", "1e400", "NaN", "-1", "=1+1",
    "a|b", "a\nb", "a,b\"c", "\u202e", "https://example.org/a.png", "s3://a/b", "content", "style", "more", "larger",
]) | st.text(max_size=30)  # fmt: skip
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
ODD_HEADERS = st.dictionaries(
    st.sampled_from([
        "Accept", "Accept-Language", "Host", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Content-Type",
        "Content-Encoding", "Transfer-Encoding", "Expect", "Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Host",
        "X-Forwarded-Prefix", "X-HTTP-Method-Override", "X-Original-URL", "Authorization", "Cookie", "Upgrade",
        "X-CSRFToken", "X-CSRF-Token",
    ]),
    LATIN | st.sampled_from([
        "bytes=0-", "bytes=-1", "bytes=5-2", "bytes=0-0,2-3," + "4-5," * 500, "bytes=99999999999999999999-", "*", '"a"',
        "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 99 Foo 1970 99:99:99 GMT", "text/html", "application/json",
        "application/json; charset=utf-7", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded", "text/xml", "gzip", "chunked", "localhost:99999", "localhost:x", "[::1",
        "a@localhost", "localhost/..", "evil.example.org", "nst-studio=", "nst-studio=e30.x.y",
        "nst-studio=" + "A" * 9000, "nst-studio=.eJwdijE.aA.aA; nst-studio=b", "x" * 20_000,
    ]),
    max_size=3,
)  # fmt: skip
QUERIES = st.dictionaries(st.sampled_from(["kind", "name", "of", "n", "save", "a[]"]), TEXTS, max_size=3).map(
    lambda given: "&".join(f"{name}={value[:500]}" for name, value in given.items())
) | st.sampled_from([
    f"kind=style&name=..%2f..%2f{'a' * 300}", "kind=content&kind=style&name=%00&name=%ff", "of=../..", "&" * 5000,
    "a=b;c=d", "%", "save", "n=-1",
])  # fmt: skip
#: Bodies that readers of JSON trip over.
HOSTILE = [
    b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b'{"days": ' + b"9" * 4000 + b"}", b"NaN", b'{"days": NaN}',
    b'{"days": 1e400}', b"\xff\xfe{\x00}\x00", b'{"a": 1, "a": 2}', b"{" + b'"a":1,' * 100_000 + b'"b":1}',
    b"x" * 1_500_000, b"x" * 2_500_000, b"", b"null", b'"' + b"\\ud800" * 1000 + b'"', b"--x\r\n" * 1000,
]  # fmt: skip
#: Settings that are paths for the command line, and others.
SETTINGS = ("preset", "init", "content_mask", "style_mask", "weights", "network", "size", "iterations", "color", "name")


def _right(endpoint: str, owner: Owner) -> dict[str, Any]:
    """The body that a page would send."""
    pair = {"pair": owner.ids["key"]}
    bodies = {
        "runs.again": pair | {"change": "more"},
        "runs.keep": pair,
        "runs.rate": pair | {"stars": 3},
        "runs.share": {"days": 3, "downloads": True, "settings": False},
        "pages.enter": {"token": ""},
        "pages.use_link": {"code": "x" * 32},
        "uploads.sample": {"kind": "content", "name": "x.jpg"},
    }
    return bodies.get(endpoint, owner.request())


@st.composite
def _bodies(draw: st.DrawFn, world: World, endpoint: str) -> bytes:
    right = _right(endpoint, world.attacker)
    kind = draw(st.sampled_from(["altered", "altered", "ids", "settings", "value", "bytes", "image", "hostile"]))
    if kind == "image":
        return _jpeg("mine")
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "hostile":
        return draw(st.sampled_from(HOSTILE))
    if kind == "altered":
        right = draw(altered(right))
    elif kind == "ids":
        values = (
            st.sampled_from([*world.attacker.ids.values(), *world.victim.ids.values()]) | TEXTS | st.integers(-2, 400)
        )
        right |= draw(st.dictionaries(st.sampled_from(sorted(right)), values, max_size=3))
    elif kind == "settings":
        paths = [str(world.elsewhere / "a"), "../../../a", "images/../../../../a.png"]
        values = st.lists(TEXTS | st.sampled_from(paths), min_size=1, max_size=3)
        right = world.attacker.request() | {
            "settings": draw(st.dictionaries(st.sampled_from(SETTINGS), values, min_size=1, max_size=3))
        }
    else:
        right = draw(JSON_VALUES)
    return json.dumps(right).encode()


@st.composite
def requests(draw: st.DrawFn, world: World) -> dict[str, Any]:
    """A request to a route of the studio: as a page sends it, but for some of its parts."""
    rule, mine, theirs = draw(st.sampled_from(world.routes)), world.attacker, world.victim
    path = rule.rule
    for part, name in re.findall(r"(<(?:\w+:)?(\w+)>)", path):
        known = [theirs.ids.get(name, "x"), *([] if rule.endpoint in ENDS else [mine.ids.get(name, "index.html")] * 5)]
        if name == "share_id" and rule.endpoint != "runs.revoke":  # who has the link may see the run
            known = [mine.ids[name], theirs.ids[name][:-1], theirs.ids[name].swapcase()]
        if name == "size":
            known = ["small", "large"]
        path = path.replace(part, draw(st.sampled_from(known)) if draw(st.integers(0, 3)) else draw(PARTS))
    if not draw(st.integers(0, 9)):
        path = draw(st.sampled_from([f"/{path}", f"{path}/", f"{path}/..", path.upper(), f"/static/..{path}"]))
    methods = sorted(rule.methods - {"OPTIONS", "HEAD"}) * 12
    method = draw(
        st.sampled_from([*methods, "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "TRACE", "CONNECT", "x", "get"])
    )
    right = f"of={mine.ids['upload_id']}" if rule.endpoint == "uploads.mask" else "kind=content&name=a.jpg"
    query = right if draw(st.integers(0, 2)) else draw(QUERIES)
    headers = {"Cookie": mine.cookie, "X-CSRFToken": mine.csrf, "Content-Type": "application/json"}
    if not draw(st.integers(0, 5)):
        headers["X-CSRFToken"] = draw(st.sampled_from([theirs.csrf, "", "x", mine.csrf[:-1], "\xff"]))
    if not draw(st.integers(0, 3)):
        headers |= draw(ODD_HEADERS)
    body = b"" if method in ("GET", "HEAD") else draw(_bodies(world, rule.endpoint))
    return {"method": method, "path": path, "query": query, "headers": headers, "body": body}


def send(client: FlaskClient, request: dict[str, Any]) -> Any:
    """Send a request as a server passes it on: bytes of the path are decoded as Latin-1."""
    environment = {
        "PATH_INFO": unquote_to_bytes(request["path"].encode("utf-8", "surrogatepass")).decode("latin-1"),
        "QUERY_STRING": request["query"].encode("utf-8", "surrogatepass").decode("latin-1"),
        "REQUEST_METHOD": request["method"],
    }
    headers = {name: value for name, value in request["headers"].items() if value or name != "Content-Type"}
    return client.open(
        "/", method="POST", data=request["body"], headers=headers, environ_overrides=environment, buffered=True
    )


def check(world: World, client: FlaskClient, request: dict[str, Any]) -> Any:
    """Send a request and check its answer."""
    answer = send(client, request)
    data = answer.get_data()
    shown = f"{answer.status} {data[:500]!r} to {request}"
    everything = f"{answer.headers}\n".encode("latin-1") + data
    assert answer.status_code < 500, shown
    assert all(answer.headers.get(name) for name in HEADERS), f"{answer.headers} {shown}"
    for secret in (SECRET, world.top, Path(__file__).parents[2], "Traceback"):
        assert str(secret).encode() not in everything, shown
    if answer.status_code >= 400 and request["method"] != "HEAD":
        _check_error(answer, request["headers"], shown)
    return answer


def _check_error(answer: Any, headers: dict[str, str], shown: str) -> None:
    """An error is one message: in JSON, in a page for who asks for one, or in plain text for a host that is none."""
    if answer.mimetype == "text/html":
        assert "text/html" in headers.get("Accept", ""), shown
        return
    if answer.mimetype == "text/plain":
        assert "Host" in headers, shown
        return
    assert answer.mimetype == "application/json", shown
    assert set(answer.json) == {"error"}, shown
    message = answer.json["error"]
    assert 0 < len(message) < 2000, shown
    assert all(c.isprintable() or c == "\n" for c in message), shown


def check_all(world: World, several: list[dict[str, Any]]) -> None:
    before, client = world.others(), world.client()
    for request in several:
        check(world, client, request)
    assert world.others() == before


@given(data=st.data())
def test_requests_to_every_route(world: World, data: st.DataObject) -> None:
    several = data.draw(st.lists(requests(world), min_size=30, max_size=30))
    bounded(check_all, world, several, megabytes=300, seconds=60)


def _hand_made(world: World) -> list[dict[str, Any]]:
    """Requests by which other servers have failed, one by one, and those that a random one rarely meets."""
    mine, theirs = world.attacker, world.victim
    headers = {"Cookie": mine.cookie, "X-CSRFToken": mine.csrf, "Content-Type": "application/json"}
    run, key, outside = mine.ids["run_id"], mine.ids["key"], world.elsewhere / "a"
    paths = [
        "a" * 300,
        f"{'a/' * 3000}a.html",
        "a%00.html",
        "..%2f..%2f..%2f..%2fa.html",
        f"%2f{outside}.html",
    ]
    gets = [f"/runs/{run}/gallery/{path}" for path in paths]
    gets += [f"/static/{path}" for path in [*paths, "../app.py", "..%2fapp.py"]]
    gets += [f"/samples/content/{path}" for path in paths]
    gets += [
        f"/runs/{run}/images/{key}/..%2flarge.webp",
        f"/runs/{run}/frames/{'a' * 300}.jpg",
        f"/uploads/{'a' * 300}.webp",
    ]
    gets += [f"/s/{theirs.ids['run_id']}", f"/s/{theirs.ids['share_id'].lower()}", f"/s/{theirs.ids['share_id']}%00"]
    bodies: list[tuple[str, str, Any]] = [
        ("POST", "/link", {"code": "\ud800"}),
        ("POST", "/login", {"token": "\ud800"}),
        ("POST", "/api/uploads/sample", {"kind": "\ud800", "name": "\ud800"}),
        ("POST", f"/api/runs/{run}/again", {"pair": key, "change": "\ud800"}),
        ("POST", f"/api/runs/{run}/again", {"pair": theirs.ids["key"], "change": "more"}),
        ("POST", f"/api/runs/{run}/keep", {"pair": "../../../a"}),
        ("PUT", f"/api/runs/{run}/stars", {"pair": key, "stars": 2**70}),
        ("POST", f"/api/runs/{run}/shares", {"days": 10**400, "downloads": True, "settings": True}),
    ]
    right, upload = mine.request(), mine.ids["upload_id"]
    wrong: list[dict[str, Any]] = [
        {"title": "a\r\nb: c"}, {"title": "\ud800"}, {"contents": ["../a"]}, {"contents": [upload] * 2},
        {"contents": [theirs.ids["upload_id"]]}, {"masks": {upload: theirs.ids["upload_id"]}},
        {"styles": [[{"id": upload}] * 2]}, {"styles": [[{"id": upload, "weight": 1e-320}]]},
        {"styles": right["styles"] * 200}, {"settings": dict.fromkeys(("size", "seed", "frame_interval"), ["1"] * 50)},
        {"settings": {"x" * 10_000: ["1"]}}, {"settings": {"size": ["1\n2"]}}, {"settings": {"name": ["../../a"]}},
    ]  # fmt: skip
    values = (str(outside), f"../../../../../../{outside}", f"{outside}.png", "https://127.0.0.1/a.png", "x" * 200)
    for name in ("preset", "init", "content_mask", "style_mask", "weights", "network"):
        wrong += [{"settings": {name: [value]}} for value in values]
    for change in wrong:
        bodies += [("POST", "/api/check", right | change), ("POST", "/api/runs", right | change)]
    made = [{"method": "GET", "path": path, "headers": headers, "body": b""} for path in gets]
    made += [{"method": "POST", "path": "/api/check", "headers": headers, "body": body} for body in HOSTILE]
    made += [
        {"method": method, "path": path, "headers": headers, "body": json.dumps(body).encode()}
        for method, path, body in bodies
    ]
    for name, value in [
        ("Range", "bytes=99999999999999999999999-"), ("Range", "bytes=" + "0-1," * 5000), ("Range", "bytes=-"),
        ("If-Modified-Since", "Thu, 01 Jan 99999 00:00:00 GMT"), ("If-Range", "Thu, 31 Dec 9999 23:59:59 -9999"),
        ("Host", "a b"), ("Host", "[::1"), ("Host", "a\\b@c:x"), ("Host", "\xff"), ("Accept", "text/html;q=x," * 2000),
        ("Cookie", "nst-studio=" + "A" * 9000), ("Cookie", theirs.cookie[:-1]), ("Cookie", ";" * 9000),
    ]:  # fmt: skip
        made += [
            {"method": "GET", "path": path, "headers": headers | {name: value}, "body": b""}
            for path in (f"/runs/{run}/whole/{key}", f"/api/runs/{run}", "/", "/static/studio.css", "/nothing")
        ]
    odd = [
        {"method": "POST", "path": "/api/uploads", "headers": headers, "body": b"", "query": q}
        for q in ("\ud800", "%ff")
    ]
    return [{"query": "", **request} for request in made + odd]


def test_hand_made_requests(world: World) -> None:
    made = _hand_made(world)
    assert len(made) > 150
    bounded(check_all, world, made, megabytes=300, seconds=60)
    bounded(_check_right, world)


def _check_right(world: World) -> None:
    """What a page sends is answered: the requests above are not all refused for the same reason."""
    mine, client = world.attacker, world.client()
    headers = {"Cookie": mine.cookie, "X-CSRFToken": mine.csrf, "Content-Type": "application/json"}
    run = {"method": "GET", "path": f"/api/runs/{mine.ids['run_id']}", "query": "", "headers": headers, "body": b""}
    body = json.dumps(_right("runs.check", mine)).encode()
    for request in (run, run | {"method": "POST", "path": "/api/check", "body": body}):
        assert check(world, client, request).status_code == 200, request
