"""Pictures from URLs, and the bounds within which they are fetched."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
import time
from collections.abc import Iterator

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nst.cli import main
from nst.errors import NstError
from nst.images import write_picture
from nst.io import fetching, urls
from nst.io.fetching import copy


class Server(http.server.BaseHTTPRequestHandler):
    picture = b""
    asked: list = []  # noqa: RUF012

    def do_GET(self) -> None:
        assert self.headers["User-Agent"].startswith("nst/")
        type(self).asked.append(self.path)
        if self.path.startswith("/to="):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to="))
            self.end_headers()
            return
        known = {"/a.png": (200, self.picture), "/page": (200, b"<html>Please log in</html>")}
        code, body = known.get(self.path.partition("?")[0], (503, b"<html>Later</html>"))
        self.send_response(code)
        if self.path == "/a.png?packed":
            self.send_header("Content-Encoding", "gzip")
        if self.path == "/a.png?long":
            self.send_header("Content-Length", "3000000000")
        if self.path == "/a.png?slow-header":
            self.drip(b"X-Header: " + b"x" * 100)
        self.end_headers()
        (self.drip if self.path == "/a.png?slow" else self.wfile.write)(body)

    def drip(self, text: bytes) -> None:
        """A byte now and then, until nobody listens."""
        self.wfile.flush()
        for place in range(len(text)):
            try:
                self.wfile.write(text[place : place + 1])
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch, tmp_path, scene) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,::1")
    monkeypatch.setenv(fetching.ALLOW_PRIVATE, "1")
    write_picture(tmp_path / "scene.png", scene)
    Server.picture, Server.asked = (tmp_path / "scene.png").read_bytes(), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as serving:
        serving.daemon_threads = True
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_picture_is_copied_as_it_is(server, tmp_path):
    for path in ("a.png", "to=/a.png"):
        assert main(["fetch", f"{server}/{path}", "-o", str(tmp_path / "new/a.png"), "--force"]) == 0
        assert (tmp_path / "new/a.png").read_bytes() == Server.picture


@pytest.fixture
def bucket(scene, tmp_path, monkeypatch):
    class Bucket(MemoryFileSystem):
        protocol = "s3"

    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "s3", Bucket)
    write_picture(tmp_path / "scene.png", scene)
    with fsspec.open("s3://bucket/a.png", "wb") as file:
        file.write((tmp_path / "scene.png").read_bytes())
    return (tmp_path / "scene.png").read_bytes()


def test_what_is_in_s3_is_fsspecs(bucket, tmp_path, monkeypatch):
    assert main(["fetch", "s3://bucket/a.png", "-o", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == bucket
    monkeypatch.setattr(fetching, "MAX_BYTES", len(bucket) - 1)
    with pytest.raises(NstError, match=r"s3://bucket/a.png: is larger than"):
        copy("s3://bucket/a.png", tmp_path / "b.png")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "memory://bucket/a.png", "ftp://h/a.png", "a.png", "s3:a"])
def test_other_kinds_of_urls_are_refused(tmp_path, capsys, address):
    assert main(["fetch", address, "-o", str(tmp_path / "a.png")]) == 1
    refused = f"nst: {address}: cannot be downloaded; expected a URL that begins with http://, https://, s3://\n"
    assert capsys.readouterr().err == refused


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/page", "{}: the server did not send an image; open the URL in a browser"),
        ("/gone.png", "{}: could not be downloaded (the server answered 503 Service Unavailable)"),
        (
            "/to=file:///etc/passwd",
            "{}: could not be downloaded (the server redirects to a scheme other than http and https)",
        ),
        ("/a.png?packed", "{}: the server sent compressed data (gzip), which is not supported"),
        ("/a.png?long", "{}: is larger than 2,000,000,000 bytes, the maximum size of a download"),
    ],
)
def test_what_is_no_picture_is_not_kept(server, tmp_path, capsys, path, message):
    place = tmp_path / "new/a.png"
    assert main(["fetch", f"{server}{path}", "-o", str(place)]) == 1
    assert capsys.readouterr().err == f"nst: {message.format(server + path)}\n"
    assert not list(place.parent.iterdir())


def test_a_server_that_says_no_size_sends_no_more_than_is_allowed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "MAX_BYTES", 100)
    with pytest.raises(NstError, match="is larger than 100 bytes"):
        copy(f"{server}/a.png", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size <= 100


@pytest.mark.parametrize("path", ["a.png?slow", "a.png?slow-header"])
def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_us(server, tmp_path, monkeypatch, path):
    monkeypatch.setattr(fetching, "MAX_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(NstError, match=r"took longer than 0 s|took longer than 1 s"):
        copy(f"{server}/{path}", tmp_path / "a.png")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0"])
def test_servers_of_this_machine_are_refused_however_they_are_named(server, tmp_path, monkeypatch, capsys, host):
    monkeypatch.delenv(fetching.ALLOW_PRIVATE)
    monkeypatch.setenv("NO_PROXY", "*")
    address = f"{server.replace('127.0.0.1', host)}/a.png"
    assert main(["fetch", address, "-o", str(tmp_path / "a.png")]) == 1
    assert f"nst: {host} is 127.0.0.1, an address of this machine or of a private network" in capsys.readouterr().err
    assert Server.asked == []  # nothing was sent


def test_a_redirect_and_a_name_that_stands_for_another_machine_are_refused(server, tmp_path, monkeypatch):
    """What counts is who is connected to: a name may be public when it is looked up first, and not the next time."""
    port = int(server.rpartition(":")[2])
    reached = ["93.184.216.34", "127.0.0.1"]
    connect = socket.create_connection

    class Public(socket.socket):
        """A connection to the server that says that it is one to elsewhere."""

        def getpeername(self):
            return (reached[0], port)

    def connected(address, *args, **kwargs):
        found = connect(("127.0.0.1", port), 5)
        return Public(fileno=found.detach()) if address[0] == "public.example" else found

    monkeypatch.delenv(fetching.ALLOW_PRIVATE)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("urllib3.util.connection.create_connection", connected)
    copy(f"http://public.example:{port}/a.png", tmp_path / "a.png")
    with pytest.raises(NstError, match=r"inner.example is 127.0.0.1, an address of this machine"):
        copy(f"http://public.example:{port}/to=http://inner.example:{port}/a.png", tmp_path / "b.png")
    reached.reverse()
    with pytest.raises(NstError, match=r"public.example is 127.0.0.1, an address of this machine"):
        copy(f"http://public.example:{port}/a.png", tmp_path / "c.png")
    assert Server.asked == ["/a.png", f"/to=http://inner.example:{port}/a.png"]


@pytest.mark.parametrize(
    ("peer", "refused"),
    [
        ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.1.1", True), ("169.254.169.254", True), ("::1", True),
        ("100.64.0.1", True), ("fe80::1%eth0", True), ("fd00::1", True), ("::ffff:10.0.0.1", True), ("0.0.0.0", True),
        ("224.0.0.1", True), ("93.184.216.34", False), ("2606:2800:220:1::1", False), ("::ffff:93.184.216.34", False),
    ],
)  # fmt: skip
def test_which_networks_are_private(monkeypatch, peer, refused):
    monkeypatch.delenv(fetching.ALLOW_PRIVATE, raising=False)
    if not refused:
        fetching._refuse_private("host", peer)
        return
    with pytest.raises(NstError, match=rf"set {fetching.ALLOW_PRIVATE}=1 if you trust the URLs"):
        fetching._refuse_private("host", peer)
    monkeypatch.setenv(fetching.ALLOW_PRIVATE, "1")
    fetching._refuse_private("host", peer)


def test_a_proxy_may_be_in_a_private_network(server, tmp_path, monkeypatch):
    monkeypatch.delenv(fetching.ALLOW_PRIVATE)
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", server)
    with pytest.raises(NstError, match="the server answered 503"):
        copy("http://public.example/a.png", tmp_path / "a.png")
    assert Server.asked == ["http://public.example/a.png"]


def test_a_message_has_no_password_and_the_server_gets_it(server, tmp_path, monkeypatch, capsys):
    secret = f"{server.replace('//', '//me:pass@')}/gone.png?token=abc"
    monkeypatch.setattr("os.environ", {**__import__("os").environ})
    urls.pass_secrets(secret)
    assert main(["fetch", urls.redacted(secret), "-o", str(tmp_path / "a.png")]) == 1
    err = capsys.readouterr().err
    assert "***@127.0.0.1" in err
    assert "pass" not in err
    assert "abc" not in err
    assert Server.asked == ["/gone.png?token=abc"]


def test_nobody_answers(tmp_path, capsys):
    assert main(["fetch", "http://127.0.0.1:9/a.png", "-o", str(tmp_path / "a.png")]) == 1
    assert "http://127.0.0.1:9/a.png: could not be downloaded (ConnectionError)" in capsys.readouterr().err
