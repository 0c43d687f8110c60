"""Warm workers: real processes, a real socket, an untrained network. Stand-in GPUs are names that torch never sees."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from nst.images import write_picture
from nst.worker import client, protocol, server
from user_folder import UserFolder, snakemake

RESERVE = protocol.line(reserve=True)
SMALL = ["--size", "40", "--content-layers", "conv2_1", "--style-layers", "conv1_1+conv2_1", "--precision", "fp32"]


class Place(UserFolder):
    """A user's folder, and the folder of this user's workers."""

    def __init__(self, folder: Path, weights: Path, private: str):
        super().__init__(folder, NST_WEIGHTS_DIR=str(weights), TMPDIR=private, NST_WORKER="yes")
        self.private = private
        self.environment.pop("CUDA_VISIBLE_DEVICES", None)
        self.processes: list[subprocess.Popen] = []

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "nst", *arguments],
            cwd=self.folder, env=self.environment | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err

    def stylize(self, name: str, *more: str, iterations: int = 4, **environment: str) -> subprocess.Popen:
        pair = ["scene.png", "stripes.png", "-o", f"{name}.png", "--record", name, "--iterations", str(iterations)]
        return self.start("stylize", *pair, *SMALL, *more, **environment)

    def stylized(self, name: str, *more: str, **environment: str) -> dict:
        """The record of a picture."""
        process = self.stylize(name, *more, **environment)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
        return json.loads((self.folder / name / "run.json").read_text())

    def workers(self) -> list[dict]:
        """What `nst worker status` knows."""
        code = "import json; from nst.worker import client; print(json.dumps(client.ask(status=True)))"
        done = subprocess.run([sys.executable, "-c", code], env=self.environment, capture_output=True, check=True)
        return json.loads(done.stdout)

    def wait_for(self, what: Callable[[list[dict]], bool], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not what(self.workers()):
            assert time.monotonic() < until, self.workers()
            time.sleep(0.05)


def busy(images: int) -> Callable[[list[dict]], bool]:
    """Whether there is one worker, with so many images."""
    return lambda found: [worker.get("busy") for worker in found] == [images]


@pytest.fixture
def place(tmp_path, scene, stripes, untrained_folder) -> Iterator[Place]:
    private = tempfile.mkdtemp(prefix="w", dir="/tmp")  # a socket's path may have 107 characters
    found = Place(tmp_path, untrained_folder, private)
    write_picture(tmp_path / "scene.png", scene)
    write_picture(tmp_path / "stripes.png", stripes)
    yield found
    for process in found.processes:  # first: without its worker one would stylize on by itself
        process.kill()
        process.communicate()
    for worker in found.workers():
        os.kill(worker["pid"], signal.SIGKILL)
    shutil.rmtree(private)


def test_a_worker_gives_the_image_that_the_command_itself_gives(place):
    alone = place.stylized("alone", NST_WORKER="no")
    first, second = place.stylized("first"), place.stylized("second")
    assert [alone["process"]["picture"], first["process"]["picture"], second["process"]["picture"]] == [1, 1, 2]
    assert first["process"]["pid"] == second["process"]["pid"] != alone["process"]["pid"]
    pictures = [(place.folder / f"{name}/animation.gif").read_bytes() for name in ("alone", "first", "second")]
    assert pictures[0] == pictures[1] == pictures[2]
    assert alone["losses"] == first["losses"] == second["losses"]
    assert alone["threads"] == second["threads"]


def test_the_output_of_the_command_is_the_same_from_a_worker(place):
    process = place.stylize("one")
    out, err = process.communicate(timeout=120)
    assert out.startswith("one.png: 40×33 px, 4 iterations")
    assert "iteration 4/4" in err
    code, said = place.run("stylize", "nowhere.png", "stripes.png", "-o", "two.png")
    assert (code, said) == (1, "nst: nowhere.png: there is no such file; check the path\n")
    assert place.run("stylize", "--sizes")[0] == 1
    assert [worker["pictures"] for worker in place.workers()] == [1]  # and lives on


def test_a_worker_works_in_the_folder_and_environment_of_each_client(place, tmp_path_factory):
    other = Place(tmp_path_factory.mktemp("other"), tmp_path_factory.mktemp("empty"), place.private)
    shutil.copytree(place.folder, other.folder, dirs_exist_ok=True)
    place.stylized("here")
    process = other.stylize("there")
    assert "(NST_WEIGHTS_DIR) has no vgg19" in process.communicate(timeout=120)[1]
    other.environment["NST_WEIGHTS_DIR"] = place.environment["NST_WEIGHTS_DIR"]
    assert other.stylized("there")["process"]["picture"] == 2
    assert not (place.folder / "there").exists()


def test_a_crashed_worker_costs_an_image_one_retry(place):
    process = place.stylize("long", iterations=400)
    place.wait_for(busy(1))
    [worker] = place.workers()
    os.kill(worker["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert json.loads((place.folder / "long/run.json").read_text())["process"]["pid"] != worker["pid"]


def test_an_interrupted_bundle_cancels_its_images(place):
    """Its clients are threads, which get no signal."""
    settings = "size: 40, content_layers: conv2_1, style_layers: conv1_1+conv2_1, iterations: 100000"
    place.write("c.yaml", f"bundle: 60\nsettings: {{{settings}}}\n")
    place.write("m.csv", "content,style\nscene.png,stripes.png\n")
    code, table = place.run("grid", "m.csv", "--config", "c.yaml", "--csv")
    assert code == 0, table
    [pair] = csv.DictReader(table.splitlines())
    folders = ("-o", "done.json", "--work", "work", "--logs", "logs")
    process = place.start("bundle", "m.csv", pair["bundle"], "--config", "c.yaml", *folders, NST_WORKER="auto")
    frame = place.folder / f"work/{pair['id']}/snapshots/frames/000010.jpg"
    place.wait_for(lambda _: frame.exists())
    assert not (place.folder / f"logs/{pair['id']}.log").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    place.wait_for(lambda found: not found)  # the worker belongs to the bundle
    assert not (place.folder / "done.json").exists()


def test_an_image_that_crashes_workers_is_retried_a_limited_number_of_times(place):
    process = place.stylize("long", iterations=100_000)
    frame = place.folder / ".long.png.work/snapshots/frames/000010.jpg"
    for _ in range(2):
        place.wait_for(lambda found: frame.exists())
        [worker] = place.workers()
        os.kill(worker["pid"], signal.SIGKILL)
        frame.unlink()
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert err.endswith("nst: workers crash while stylizing this image; set NST_WORKER=no to see the error\n")
    assert place.stylized("short")["process"]["picture"] == 1


#: A worker whose GPU fails in the middle of its first image, as after an illegal access of memory.
FAILING = """
import sys
from nst.worker import batching, server

real = batching.stylize_batch

def failing(transfers, **how):
    for number, event in enumerate(real(transfers, **how)):
        if number == 3:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\\nmore lines")
        yield event

batching.stylize_batch = failing
server.run(sys.argv[1])
"""


@pytest.mark.parametrize("device", ["cpu-0", "GPU-a"])
def test_a_worker_whose_gpu_fails_reports_it_and_stops_and_another_stylizes_the_image(place, device):
    visible = {} if device == "cpu-0" else {"CUDA_VISIBLE_DEVICES": device, "NST_WORKER": "auto"}
    failing = subprocess.Popen(
        [sys.executable, "-c", FAILING, device],
        cwd=place.folder, env=place.environment, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    place.processes.append(failing)
    place.wait_for(lambda found: bool(found) and found[0].get("pid") == failing.pid)
    process = place.stylize("one", iterations=12, **visible)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "the GPU failed: CUDA error: an illegal memory access was encountered" in err
    assert failing.wait(timeout=120) == server.GPU_FAILED
    record = json.loads((place.folder / "one/run.json").read_text())
    assert record["iterations_run"] == 12
    assert record["process"]["picture"] == 1
    [worker] = place.workers()
    assert record["process"]["pid"] == worker["pid"] != failing.pid
    assert worker["device"] == device
    losses = (place.folder / "one/losses.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in losses[1:]] == [str(i) for i in range(1, 13)]


def test_status_lists_busy_workers(place):
    """`nst worker status` while an image is stylized, while another waits for it, and afterwards."""
    gpu = {"CUDA_VISIBLE_DEVICES": "GPU-a", "NST_WORKER": "auto"}
    first = place.stylize("first", iterations=100_000, **gpu)
    frame = place.folder / ".first.png.work/snapshots/frames/000010.jpg"
    place.wait_for(lambda found: frame.exists())
    second = place.stylize("second", iterations=100_000, **gpu)
    place.wait_for(busy(2))
    [worker] = place.workers()
    line = f"GPU-a  pid {worker['pid']}  0 images stylized  {{}} in progress\n"
    assert place.run("worker", "status") == (0, line.format(2))
    for left, process in ((1, first), (0, second)):
        process.kill()
        process.communicate()
        place.wait_for(busy(left))
        assert place.run("worker", "status") == (0, line.format(left))
    place.stylized("short", **gpu)
    assert place.run("worker", "status") == (0, line.replace("0 images", "1 images").format(0))


def test_the_worker_reproduces_an_image(place):
    place.stylized("one")
    assert place.run("reproduce", "one.png", "-o", "two.png", "--record", "two")[0] == 0
    assert json.loads((place.folder / "two/run.json").read_text())["process"]["picture"] == 2


def test_without_a_worker_a_command_waits_for_a_gpu_and_gets_it(place):
    """An idle worker leaves when another process needs the GPU."""
    gpu = {"CUDA_VISIBLE_DEVICES": "GPU-a"}
    place.stylized("one", **gpu, NST_WORKER="auto")
    assert place.workers()
    assert place.stylized("two", **gpu, NST_WORKER="no")["process"]["picture"] == 1
    assert not place.workers()


def test_a_process_that_locks_an_output_gets_the_gpu_of_the_worker_that_waits_for_it(place):
    """One without a worker holds the output and waits for the GPU; a client's worker holds that, and waits for it."""
    gpu = {"CUDA_VISIBLE_DEVICES": "GPU-a"}
    place.stylized("other", **gpu, NST_WORKER="auto")
    with FileLock(place.folder / ".one.png.work.lock"):
        waits = place.stylize("one", **gpu, NST_WORKER="auto")
        place.wait_for(busy(1))
        assert place.stylized("two", **gpu, NST_WORKER="no")["process"]["picture"] == 1
    out, err = waits.communicate(timeout=120)
    assert waits.returncode == 0, out + err
    assert json.loads((place.folder / "one/run.json").read_text())["process"]["picture"] == 1


def test_a_client_logs_what_it_waits_for(place):
    """For another image at the same output, and for the start of a worker."""
    place.stylized("one")
    [worker] = place.workers()
    with FileLock(place.folder / ".two.png.work.lock"):
        waits = place.stylize("two")
        assert "waiting for another nst process that writes two.png" in waits.stderr.readline()
    assert waits.wait(timeout=120) == 0
    os.kill(worker["pid"], signal.SIGKILL)
    starting = Path(place.private) / f"nst-{os.getuid()}/worker-cpu-0.start"
    with starting.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waits = place.stylize("three")
        assert "waiting for a worker on cpu-0 to start; it logs to " in waits.stderr.readline()
    assert waits.wait(timeout=120) == 0


def test_the_client_asks_before_a_foreign_image_is_overwritten(place):
    """The worker has no terminal: the client asks, and a yes is the request with --force."""
    mine = place.folder / "mine.png"
    shutil.copy(place.folder / "scene.png", mine)
    before = mine.read_bytes()
    command = [sys.executable, "-m", "nst", "stylize", "scene.png", "stripes.png", "-o", "mine.png", *SMALL]
    command += ["--iterations", "2"]
    assert "choose another output, or add --force" in place.run(*command[3:])[1]
    for answer, status in (("n", 1), ("y", 0)):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(place.folder)
            os.execve(sys.executable, command, place.environment)
        said = b""
        while b"[y/N] " not in said:
            said += os.read(terminal, 4096)
        os.write(terminal, f"{answer}\n".encode())
        with suppress(OSError):  # Linux's way to say that the terminal's process has ended
            while data := os.read(terminal, 4096):
                said += data
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, said
        assert b"mine.png: exists and was not made by nst. Overwrite? [y/N] " in said
        assert (mine.read_bytes() == before) is (answer == "n")
    assert place.workers()


def test_a_request_is_cancelled_when_its_client_disconnects(place):
    process = place.stylize("long", iterations=100_000)
    place.wait_for(busy(1))
    process.kill()
    process.communicate()
    place.wait_for(busy(0))
    assert not (place.folder / "long.png").exists()
    assert place.stylized("short")["process"]["pid"] == place.workers()[0]["pid"]


def test_one_worker_per_gpu_serves_all_clients(place):
    processes = [
        place.stylize(f"p{i}", "--threads", "1", CUDA_VISIBLE_DEVICES="GPU-a", NST_WORKER="auto") for i in range(4)
    ]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    records = [json.loads((place.folder / f"p{i}/run.json").read_text()) for i in range(4)]
    assert len({record["process"]["pid"] for record in records}) == 1
    assert sorted(record["process"]["picture"] for record in records) == [1, 2, 3, 4]
    code, said = place.run("worker", "run", "GPU-a")
    assert code == 1
    assert said.startswith("nst: GPU-a is in use by a worker (see `nst worker status`)")


def test_each_gpu_has_its_own_worker(place):
    processes = [
        place.stylize(f"p{i}", "--threads", "1", iterations=300, CUDA_VISIBLE_DEVICES="GPU-a,GPU-b", NST_WORKER="auto")
        for i in range(2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert {worker["device"] for worker in place.workers()} == {"GPU-a", "GPU-b"}


def test_a_grid_uses_every_gpu_in_one_process_each(place):
    settings = "size: 40, iterations: 200, frame_interval: 0, content_layers: conv2_1, style_layers: conv1_1+conv2_1"
    place.write("config/config.yaml", f"settings: {{{settings}, precision: fp32}}\n")
    place.write("config/manifest.csv", "content,style,seed\nscene.png,stripes.png,1|2|3|4|5|6\n")
    gpus = {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b", "NST_WORKER": "auto"}
    run = subprocess.run(
        snakemake("--cores", "4", "pairs"),
        cwd=place.folder, env=place.environment | gpus, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    records = [json.loads(path.read_text()) for path in place.folder.glob("results/pairs/*/*/*/run.json")]
    assert len(records) == 6
    assert len({record["process"]["pid"] for record in records}) == 2
    place.wait_for(lambda workers: not workers)  # they leave with their Snakemake


def test_a_worker_stops_with_the_last_of_its_owners(place):
    owner = subprocess.Popen(["sleep", "60"])
    place.stylized("one", NST_WORKER_OWNER=str(owner.pid))
    assert place.workers()
    owner.kill()
    owner.wait()
    place.wait_for(lambda found: not found, seconds=45)
    assert not list(Path(place.private).glob("*/worker-*.sock"))


def test_a_worker_stops_when_it_is_idle_or_asked_to(place):
    idle = place.start("worker", "run", "cpu-0", "--idle", "0.3")
    idle.communicate(timeout=120)
    assert idle.returncode == 0
    place.stylized("one")
    assert place.run("worker", "stop")[0] == 0
    place.wait_for(lambda found: not found, seconds=45)
    assert place.run("worker", "stop") == (1, "nst: no worker is running\n")
    assert "no worker is running" in place.run("worker", "status")[1]


def test_only_its_user_reaches_a_worker_and_nonsense_is_refused(place, monkeypatch):
    place.stylized("one")
    [folder] = Path(place.private).glob("nst-*")
    assert folder.stat().st_mode & 0o077 == 0
    [address] = folder.glob("worker-*.sock")
    other = b'{"arguments": ["grid"], "folder": "/", "environment": {}}\n'
    for nonsense in (
        other,
        RESERVE + other,
        RESERVE,
        b"",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"arguments": [], "folder": 1}\n',
        b"x" * protocol.MAX_LINE_BYTES,  # without an end
    ):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(address))
            link.sendall(nonsense)
            link.shutdown(socket.SHUT_WR)
            with link.makefile("rb") as lines:
                *greetings, answer = [[*json.loads(line)] for line in lines] + [[]] * (nonsense in (b"", RESERVE))
            assert greetings == [["identity"], ["busy"]][: 1 + nonsense.startswith(RESERVE)], nonsense
            assert answer == ([] if nonsense in (b"", RESERVE) else ["refused"]), nonsense
    assert place.stylized("two")["process"]["picture"] == 2


def asked(address: Path, request: bytes) -> dict:
    """What a worker answers to a line."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(address))
        link.sendall(RESERVE + request + b"\n")
        with link.makefile("rb") as lines:
            for _ in ("identity", "busy"):
                lines.readline()
            return json.loads(lines.readline() or "{}")


def test_no_request_crashes_a_worker(place):
    """A billion threads, and an owner that is no process's number, did."""
    before = place.stylized("one")["process"]["pid"]
    [address] = Path(place.private).glob("nst-*/worker-*.sock")
    good = {"arguments": ["stylize", "--help"], "folder": "/", "environment": {}}
    for wrong in (
        {"threads": 10**9}, {"threads": -1}, {"owner": 2**70}, {"owner": -1}, {"environment": {"LD_PRELOAD": "a.so"}},
        {"environment": {"NST_A": "\0"}}, {"folder": "x" * 5000}, {"folder": "\0"}, {"arguments": ["stylize"] * 20_000},
    ):  # fmt: skip
        assert "refused" in asked(address, json.dumps(good | wrong).encode()), wrong
    assert "refused" in asked(address, b"[" * 100_000)
    assert asked(address, json.dumps(good | {"threads": 1, "owner": os.getpid()}).encode())
    assert place.stylized("two")["process"]["pid"] == before


@pytest.mark.parametrize("change", ["removed", "opened to others"])
def test_a_worker_without_a_reachable_socket_stops(place, change):
    """As after a cleaning of /tmp: a second one starts beside it, on the same GPU."""
    first = place.stylized("one")["process"]["pid"]
    [folder] = Path(place.private).glob("nst-*")
    if change == "removed":
        shutil.rmtree(folder)
    else:
        folder.chmod(0o755)
    until = time.monotonic() + 60
    while time.monotonic() < until and Path(f"/proc/{first}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{first}").exists()
    if change == "removed":
        assert place.stylized("two")["process"]["pid"] == place.workers()[0]["pid"]
    else:
        assert "is open to other users; remove it" in place.stylize("two").communicate(timeout=120)[1]
        folder.chmod(0o700)


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED") or os.getuid() != 0, reason="needs root, to become another user")
def test_another_user_is_not_served(tmp_path_factory):
    """Where both can reach a socket, which the folder's mode prevents."""
    folder = tempfile.mkdtemp(prefix="w", dir="/tmp")
    Path(folder).chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        Path(f"{folder}/s").chmod(0o777)
        listener.listen()
        for user in (0, 65534):
            code = f"import os, socket; os.setuid({user}); s = socket.socket(socket.AF_UNIX); s.connect('{folder}/s')"
            process = subprocess.Popen([sys.executable, "-c", f"{code}; s.recv(1)"])
            connection, _ = listener.accept()
            assert protocol.is_same_user(connection) is (user == 0)
            connection.close()
            process.wait()
    shutil.rmtree(folder)


def test_a_worker_of_other_code_is_replaced(place, monkeypatch, tmp_path_factory):
    """As after an upgrade: the code that the client runs is a copy, made later."""
    before = place.stylized("one")["process"]["pid"]
    copy = tmp_path_factory.mktemp("code")
    import nst

    shutil.copytree(Path(nst.__file__).parent, copy / "nst", ignore=shutil.ignore_patterns("__pycache__"))
    after = place.stylized("two", PYTHONPATH=str(copy))["process"]
    assert after["pid"] != before
    assert after["picture"] == 1


def test_the_client_imports_no_slow_module():
    slow = "{'torch', 'numpy', 'click', 'pydantic', 'PIL'}"
    code = f"import sys, nst.__main__, nst.worker.client; print(*{slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("mode", "gpus", "arguments", "expected"),
    [
        ("auto", "", ["stylize", "a", "b"], False),
        ("auto", "0", ["stylize", "a", "b"], True),
        ("auto", "0", ["stylize", "a", "b", "--device", "cpu"], False),
        ("auto", "0", ["stylize", "a", "b", "--device=mps"], False),
        ("auto", "0", ["stylize", "--help"], False),
        ("auto", "0", ["reproduce", "a.png", "--show"], False),
        ("auto", "0", ["evaluate", "a"], False),
        ("auto", "0", [], False),
        ("yes", "", ["stylize", "a", "b"], True),
        ("no", "0", ["stylize", "a", "b"], False),
    ],
)
def test_when_a_worker_is_used(monkeypatch, mode, gpus, arguments, expected):
    monkeypatch.setenv("NST_WORKER", mode)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    assert client.should_use_worker(arguments) is expected
