"""Finding, reading and fetching weights, from a local server in place of the publisher's."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile

import pytest
import torch

from nst import weights
from nst.cli import main
from nst.errors import NstError
from nst.io import weight_files
from nst.settings import make

BODY = bytes(range(256)) * 5000


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves BODY with ranges; on request it cuts off the first response."""

    break_at = 0
    pause = 0.0
    ranges: list = []  # noqa: RUF012

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(BODY):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        stop = type(self).break_at or len(BODY)
        type(self).break_at = 0
        for place in range(start, stop, 1 << 16):
            self.wfile.write(BODY[place : min(place + (1 << 16), stop)])
            time.sleep(type(self).pause)

    def log_message(self, *_):
        pass


@pytest.fixture
def publisher(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NST_ALLOW_PRIVATE", "1")
    Publisher.break_at, Publisher.pause, Publisher.ranges = 0, 0.0, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    digest = hashlib.sha256(BODY).hexdigest()[:8]
    yield f"http://127.0.0.1:{server.server_port}/vgg19-{digest}.pth"
    server.shutdown()
    server.server_close()


def test_fetched_once_checked_and_with_progress(publisher, tmp_path):
    place, seen = tmp_path / "new" / "vgg19.pth", []
    weights.fetch("vgg19", place, lambda have, total: seen.append((have, total)), publisher)
    assert place.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    weights.fetch("vgg19", place, None, publisher)
    assert Publisher.ranges == [None]
    assert [p.name for p in place.parent.iterdir() if not p.name.startswith(".")] == ["vgg19.pth"]


def test_several_processes_fetch_the_same_weights_once(publisher, tmp_path):
    """One process downloads them, the others wait for it."""
    Publisher.pause, place = 0.05, tmp_path / "vgg19.pth"
    imports = "import sys; from pathlib import Path; from nst import weights"
    code = f"{imports}; weights.fetch('vgg19', Path(sys.argv[1]), None, sys.argv[2])"
    command = [sys.executable, "-c", code, str(place), publisher]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert place.read_bytes() == BODY
    assert Publisher.ranges == [None]


def test_a_wrong_file_under_the_final_name_is_replaced(publisher, tmp_path):
    place = tmp_path / "vgg19.pth"
    place.write_bytes(BODY[:-1] + b"?")
    weights.fetch("vgg19", place, None, publisher)
    assert place.read_bytes() == BODY


@pytest.mark.parametrize("name", ["vgg16-torchvision.pth", "vgg16-397923af.pth"])
def test_published_weights_are_checked_whenever_they_are_read(tmp_path, monkeypatch, name):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    torch.save({"features.0.weight": torch.ones(64, 3, 3, 3)}, tmp_path / name)
    with pytest.raises(
        NstError, match=rf"{name}: its SHA-256 begins with .*, that of the published .* 397923af; remove"
    ):
        weights.load("vgg16", str(tmp_path / name))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_truncating_loaded_weights_kills_no_process(tmp_path, suffix):
    """A mapped file would raise SIGBUS."""
    from safetensors.torch import save_file

    place, tensors = tmp_path / f"a.{suffix}", {"features.0.weight": torch.ones(512, 512, 3, 3)}
    if suffix == "pth":
        torch.save(tensors, place)
    else:
        save_file(tensors, place)
    code = (
        "import os, sys; from nst import weights; state = weights.load('lite', sys.argv[1])[0]; "
        "os.truncate(sys.argv[1], 0); print(state['features.0.weight'].sum().item())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, str(512.0 * 512 * 9)), done.stderr


def test_weights_that_change_while_they_are_read(tmp_path, monkeypatch):
    """Their SHA-256 would be wrong."""
    place = tmp_path / "a.pth"
    torch.save({"features.0.weight": torch.ones(4)}, place)
    read = weights._read
    monkeypatch.setattr(weights, "_read", lambda path, file: os.utime(path, (1, 1)) or read(path, file))
    with pytest.raises(NstError, match=r"a.pth: was changed while it was read; try again"):
        weights.load("lite", str(place))


def test_an_interrupted_download_is_resumed(publisher, tmp_path):
    place = tmp_path / "vgg19.pth"
    Publisher.break_at = 70_000
    with pytest.raises(NstError, match="could not be downloaded"):
        weights.fetch("vgg19", place, None, publisher)
    assert not place.exists()
    have = (tmp_path / "vgg19.pth.part").read_bytes()
    assert have == BODY[: len(have)]
    assert 0 < len(have) <= 70_000
    weights.fetch("vgg19", place, None, publisher)
    assert Publisher.ranges == [None, f"bytes={len(have)}-"]
    assert place.read_bytes() == BODY


def test_the_command_leaves_a_record_of_what_it_found(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "vgg19.pth").write_bytes(BODY)
    assert main(["weights", "vgg19", "--record", str(tmp_path / "new" / "vgg19.json")]) == 0
    record = json.loads((tmp_path / "new" / "vgg19.json").read_text())
    assert record["file"] == str(tmp_path / "vgg19.pth")
    assert record["sha256"] == hashlib.sha256(BODY).hexdigest()


def test_a_wrong_sha256_never_gets_the_name(publisher, tmp_path):
    place = tmp_path / "vgg19.pth"
    with pytest.raises(NstError, match="does not begin with deadbeef"):
        weights.fetch("vgg19", place, None, publisher.rpartition("-")[0] + "-deadbeef.pth")
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_no_internet_is_one_message_with_all_remedies(tmp_path):
    with pytest.raises(NstError) as error:
        weights.fetch("vgg19", tmp_path / "w.pth", None, "http://127.0.0.1:9/vgg19-00000000.pth")
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "nst weights vgg19",
        "vgg19-dcbb9e9d.pth",
        str(tmp_path / "w.pth"),
        "NST_WEIGHTS_DIR",
        "--weights oxford",
    ):
        assert part in message


def test_the_folder_of_the_environment_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(NstError, match=r"has no vgg19\*\.safetensors or vgg19\*\.pth"):
        weights.find("vgg19")
    (tmp_path / "vgg19_b.pth").touch()
    (tmp_path / "vgg19_a.pth").touch()
    assert weights.find("vgg19").name == "vgg19_a.pth"
    (tmp_path / "vgg19_z.safetensors").touch()
    assert weights.find("vgg19").name == "vgg19_z.safetensors"
    monkeypatch.delenv("NST_WEIGHTS_DIR")
    monkeypatch.setenv("NST_CACHE", str(tmp_path / "cache"))
    assert weights.find("vgg16") == tmp_path / "cache" / "vgg16-torchvision.pth"
    with pytest.raises(NstError, match="no weights for vgg16"):
        weights.load("vgg16")


@pytest.mark.parametrize("legacy", [False, True])
def test_state_dicts_of_any_kind_are_read(tmp_path, legacy):
    from safetensors.torch import save_file

    tensors = {"features.0.weight": torch.ones(64, 3, 3, 3).half(), "features.0.bias": torch.zeros(64).half()}
    torch.save(
        tensors | {"classifier.0.weight": torch.ones(2)}, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy
    )
    save_file(tensors, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        state, source, digest = weights.load("vgg19", str(tmp_path / name))
        assert set(state) == set(tensors)
        assert source.endswith(name)
        assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path):
    """1 MB could unpack to 1 GB."""
    torch.save({"features.0.weight": torch.ones(1 << 20)}, tmp_path / "a.pth")
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as stored,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(NstError, match=r"b.pth: cannot be read as weights \(an archive that unpacks to 4,19.* bytes\)"):
        weights.load("lite", str(tmp_path / "b.pth"))


def test_files_that_are_too_large_or_no_files(tmp_path):
    with (tmp_path / "a.pth").open("wb") as file:
        file.truncate(weights.MAX_BYTES + 1)
    with pytest.raises(NstError, match=r"a.pth: has 4,000,000,001 bytes; weights have at most 4,000,000,000"):
        weights.load("lite", str(tmp_path / "a.pth"))
    (tmp_path / "empty.pth").touch()
    for path in (str(tmp_path / "empty.pth"), "/dev/zero", "/proc/self/pagemap", "x" * 300, "a\0b"):
        with pytest.raises(NstError, match="there is no such weights file, or it is empty"):
            weights.load("lite", path)


class Malice:
    def __reduce__(self):
        return (print, ("run",))


def test_files_that_are_no_weights(tmp_path, capsys):
    cases = {"text.pth": b"hello", "cut.safetensors": b"\x08\0\0\0"}
    for name, body in cases.items():
        (tmp_path / name).write_bytes(body)
        with pytest.raises(NstError, match=rf"{name}: cannot be read as weights"):
            weights.load("vgg19", str(tmp_path / name))
    torch.save({"features.0.weight": Malice()}, tmp_path / "evil.pth")
    with pytest.raises(NstError, match="cannot be read as weights"):
        weights.load("vgg19", str(tmp_path / "evil.pth"))
    assert capsys.readouterr().out == ""
    torch.save({"other": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(NstError, match="is no state dict with keys features"):
        weights.load("vgg19", str(tmp_path / "other.pth"))
    with pytest.raises(NstError, match="there is no such weights file"):
        weights.load("vgg19", str(tmp_path / "absent.pth"))


@pytest.mark.filterwarnings("ignore:Validating sparse tensor", "ignore:Sparse invariant checks")
@pytest.mark.parametrize(
    ("kernel", "problem"),
    [
        (torch.ones(64, 3, 3, 3, dtype=torch.int8), "is of the kind int8, strided, cpu"),
        (torch.ones(64, 3, 3, 3, dtype=torch.complex64), "is of the kind complex64, strided, cpu"),
        (torch.ones(64, 3, 3, 3).to_sparse(), "is of the kind float32, sparse_coo, cpu"),
        (torch.zeros(64, 3, 3, 3), "has only zeros"),
        (torch.full((64, 3, 3, 3), float("inf")), "has values that are not finite"),
        (torch.full((64, 3, 3, 3), float("nan")), "has values that are not finite"),
        ([1.0, 2.0], "is no tensor, but list"),
    ],
)
def test_tensors_that_were_never_trained_are_refused(tmp_path, kernel, problem):
    file = tmp_path / "w.pth"
    torch.save({"features.0.weight": kernel, "features.0.bias": torch.zeros(64)}, file)
    with pytest.raises(NstError, match=re.escape(f"{file}: features.0.weight {problem}; expected a dense")):
        weights.load("vgg19", str(file))


def test_published_weights_go_with_their_networks():
    for network, kind, wrong in [("vgg16", "oxford", "network vgg19"), ("lite", "torchvision", "vgg19 or vgg16")]:
        with pytest.raises(NstError, match=wrong):
            make({"network": network, "weights": kind})
    assert weights.find("vgg19") == weights.find("vgg19", "oxford") == weight_files.installed()
    assert weights.downloaded("vgg16")
    assert weights.downloaded("vgg19", "torchvision")
    assert not any(weights.downloaded(network) for network in ("vgg19", "lite"))
