"""The exit status of `nst`, as documented, and what `nst --version` prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import metadata

from gridfiles import picture
from nst import __version__
from nst.cli import EXIT_CODES, main

NST = [sys.executable, "-m", "nst"]


def status(*arguments: str, **how) -> int:
    return subprocess.run([*NST, *arguments], capture_output=True, **how).returncode


def test_success_and_errors(tmp_path) -> None:
    assert set(EXIT_CODES) == {0, 1, 130}
    assert status("settings", "size", cwd=tmp_path) == 0
    assert status("settings", "none", cwd=tmp_path) == 1
    assert status("stylize", "--none", cwd=tmp_path) == 1
    assert status("nonsense", cwd=tmp_path) == 1


def test_an_interruption(tmp_path, monkeypatch, untrained_folder) -> None:
    monkeypatch.chdir(tmp_path)
    # A shell's background jobs ignore Ctrl-C, and a process of this one would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("a.png", "b.png"):
        picture(name, (64, 64))
    more = ["--iterations", "100000", "--device", "cpu", "--network", "lite", "--size", "32"]
    for number in (signal.SIGINT, signal.SIGTERM):
        environment = os.environ | {"NST_WORKER": "no"}
        child = subprocess.Popen([*NST, "stylize", "a.png", "b.png", *more, "--work", "work"], env=environment)
        try:
            while not list(tmp_path.glob("work/**/*")):
                assert child.poll() is None
                time.sleep(0.1)
            child.send_signal(number)
            assert child.wait(60) == 130
        finally:
            child.kill()


def test_help_has_them(capsys) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Exit status: 0: Success. 1: An error" in shown


def test_the_version_has_torch_device_and_weights(capsys, monkeypatch) -> None:
    monkeypatch.setattr("nst.machine.gpus.available", lambda: [])
    assert main(["--version"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(shown) == ["nst", "torch", "device", "vgg19", "vgg16", "lite"]
    assert (shown["nst"], shown["torch"]) == (__version__, metadata.version("torch"))
    assert shown["device"] == f"cpu, {os.cpu_count()} cores"
    assert shown["lite"].endswith("lite.safetensors")
    assert shown["vgg16"] == "no weights; `nst weights vgg16` downloads them"
    monkeypatch.setattr("nst.machine.gpus.available", lambda: ["GPU-a", "GPU-b"])
    monkeypatch.setenv("NST_WEIGHTS_DIR", "nowhere")
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    assert "device   cuda, 2 NVIDIA GPUs\n" in told
    assert "vgg19    nowhere (NST_WEIGHTS_DIR) has no " in told


def test_the_version_does_not_import_torch() -> None:
    code = "import sys; from nst.cli import main; main(['--version']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
