"""Pictures from addresses."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import fsspec
import pytest
from nst.cli import main
from nst.images import write_picture


class Server(http.server.BaseHTTPRequestHandler):
    picture = b""

    def do_GET(self) -> None:
        assert self.headers["User-Agent"].startswith("nst/")
        known = {"/a.png": (200, self.picture), "/page": (200, b"<html>Please log in</html>")}
        code, body = known.get(self.path, (503, b"<html>Later</html>"))
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch, tmp_path, scene) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write_picture(tmp_path / "scene.png", scene)
    Server.picture = (tmp_path / "scene.png").read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_picture_is_copied_as_it_is(server, tmp_path):
    assert main(["fetch", f"{server}/a.png", "-o", str(tmp_path / "new/a.png")]) == 0
    assert (tmp_path / "new/a.png").read_bytes() == Server.picture


def test_other_kinds_of_addresses_are_fsspecs(server, tmp_path):
    with fsspec.open("memory://bucket/a.png", "wb") as file:
        file.write(Server.picture)
    assert main(["fetch", "memory://bucket/a.png", "-o", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == Server.picture


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/page", "{}: what came is no picture; look at the address in a browser"),
        ("/gone.png", "{}: could not be fetched (the server answered 503 Service Unavailable)"),
    ],
)
def test_what_is_no_picture_is_not_kept(server, tmp_path, capsys, path, sentence):
    place = tmp_path / "new/a.png"
    assert main(["fetch", f"{server}{path}", "-o", str(place)]) == 1
    assert capsys.readouterr().err == f"nst: {sentence.format(server + path)}\n"
    assert not list(place.parent.iterdir())


def test_nobody_answers(tmp_path, capsys):
    assert main(["fetch", "http://127.0.0.1:9/a.png", "-o", str(tmp_path / "a.png")]) == 1
    assert "http://127.0.0.1:9/a.png: could not be fetched (ConnectionError)" in capsys.readouterr().err
