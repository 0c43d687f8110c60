"""The server: who needs a token, and what is said when it cannot start."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import pytest
from waitress.adjustments import Adjustments

from nst.cli import main
from nst.errors import NstError
from nst.studio import server
from nst.studio.app import BODY
from nst.studio.decoding import FILES
from nst.studio.routes.common import DOWNLOADS
from nst.studio.server import THREADS, _lock, _Parser, access_token, is_loopback, serve
from nst.studio.studio import Options
from studios import FakeLaunch
from user_folder import REPOSITORY


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_a_host_that_others_reach_needs_a_token(host: str, is_local: bool) -> None:
    assert is_loopback(host) == is_local
    assert (access_token(host, None) == "") == is_local
    assert is_local or access_token(host, None) != access_token(host, None)


def test_a_token_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("sixteen-letters!\n")
    assert access_token("localhost", file) == "sixteen-letters!"
    file.write_text("fifteen-letters\n")
    with pytest.raises(NstError, match="token has fewer than 16 characters; use a longer token"):
        access_token("localhost", file)
    with pytest.raises(NstError, match="cannot be read"):
        access_token("localhost", tmp_path / "none")


def test_a_folder_has_one_studio(tmp_path: Path) -> None:
    lock = _lock(tmp_path)
    with pytest.raises(NstError, match="another studio uses this folder; stop it, or choose another with --results"):
        _lock(tmp_path)
    lock.release(force=True)
    _lock(tmp_path).release(force=True)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # waitress does not close a socket that it cannot bind
def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(NstError, match=rf"port {port} of 127\.0\.0\.1 cannot be used .*; choose another --port"):
            serve(Options(tmp_path, FakeLaunch(cores=1)), "127.0.0.1", port, show=print)
    gc.collect()  # the socket, whose warning would fail a later test


def test_a_profile_is_a_name_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/nst.yaml").touch()
    used: list[Path | None] = []
    monkeypatch.setattr(server, "serve", lambda options, *address, **how: used.append(options.launch.profile))
    for given in ([], ["--profile", "slurm"], ["--profile", "mine"]):
        assert main(["studio", *given]) == 0
    assert used == [None, REPOSITORY / "profiles/slurm", tmp_path / "mine"]


def test_a_profile_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "profile.v9+.yaml").touch()
    assert main(["studio", "--profile", str(tmp_path)]) == 1
    assert f"--profile: there is no file {tmp_path / 'nst.yaml'}; " in capsys.readouterr().err


def test_threads_remain_beside_images_and_downloads() -> None:
    assert THREADS > FILES + DOWNLOADS


@pytest.mark.parametrize(
    ("path", "length", "is_refused"),
    [
        ("/api/check", BODY, False),
        ("/api/check", BODY + 1, True),
        ("/login", BODY + 1, True),
        ("/api/uploads?kind=content", BODY + 1, False),
        ("/api/uploads/mask?of=0", BODY + 1, False),
        ("/api/uploads/../check", BODY + 1, True),
    ],
)
def test_a_large_body_that_is_no_upload_is_refused_before_it_is_stored(
    path: str, length: int, is_refused: bool
) -> None:
    parser = _Parser(Adjustments())
    parser.received(f"POST {path} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n".encode())
    assert (parser.completed, parser.expect_continue) == (is_refused, not is_refused)
    assert (getattr(parser.error, "code", None) == 413) == is_refused
