"""A small grid that is tried hard: its commands, what it leaves, and how often each of its pairs was stylized."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nst.images import read_picture, write_picture
from user_folder import REPOSITORY, UserFolder, snakemake

HOOK = Path(__file__).parent / "hook"
#: Of a single pair without a grid.
PAIR_SETTINGS = {
    "size": 40,
    "iterations": 3,
    "network": "lite",
    "precision": "fp32",
    "frame_interval": 1,
    "snapshot_interval": 2,
}
SETTINGS = "size: 40, iterations: {iterations}, network: lite, precision: fp32, frame_interval: 2, snapshot_interval: 3"
#: What differs from run to run, or belongs to Snakemake.
APART = ("logs/", "benchmarks/", ".work/")


class Process(subprocess.Popen):
    """A process with all that it starts; at the end of its context, whatever a test did, none of them is left."""

    def __init__(self, command: list[str], log: Path, **how: Any):
        self.log = log  # a pipe would be kept open by processes that outlive this one
        with log.open("wb") as file:
            super().__init__(command, stdout=file, stderr=file, start_new_session=True, **how)

    def said(self) -> str:
        """What they all have said so far."""
        return self.log.read_text("utf-8", "replace")

    def session(self) -> list[int]:
        """The processes of its session that are left."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended
                state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.pid and state != "Z":
                    found.append(int(path.parent.name))
        return found

    def __exit__(self, *_: Any) -> None:
        for process in self.session():
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        self.wait()


class Grid(UserFolder):
    """A folder with images, a manifest and a configuration; its results are in `results`."""

    def __init__(self, folder: Path, *, contents: int = 2, styles: int = 2, iterations: int = 6):
        python = os.pathsep.join([str(HOOK), str(REPOSITORY)])
        super().__init__(folder, PYTHONPATH=python, PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1", NST_WORKER="no")
        self.ledger, self._numbers = folder / "ledger", itertools.count()
        self.environment["FAULTS_LEDGER"] = str(self.ledger)
        self.environment.pop("NST_WEIGHTS_DIR", None)
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(3)
        for kind, count in (("content", contents), ("style", styles)):
            for number in range(count):
                write_picture(folder / f"{kind}{number}.png", random.random((40, 48, 3), np.float32))
        lines = "".join(f"content{c}.png,style{s}.png\n" for c in range(contents) for s in range(styles))
        self.write("config/manifest.csv", "content,style\n" + lines)
        self.configure(iterations=iterations)

    def configure(self, results: str = "results", iterations: int = 6) -> None:
        settings = SETTINGS.format(iterations=iterations)
        text = f"settings: {{{settings}}}\ndevice: cpu\nthreads: 1\nresults: {results}\n"
        self.write("config/config.yaml", text)

    def start(self, *command: str, where: Path | None = None, **environment: str) -> Process:
        """A command of nst or snakemake, in a session of its own."""
        words = [sys.executable, "-m", *command]
        if command[0] == "snakemake":
            words = snakemake("--cores", "2", *command[1:])
        return Process(
            words,
            self.folder / f"said{next(self._numbers)}.txt",
            cwd=where or self.folder,
            env=self.environment | environment,
        )

    def run(self, *command: str, **how: Any) -> tuple[int, str]:
        """The exit status of a command and what it said."""
        with self.start(*command, **how) as process:
            process.wait(timeout=300)
        return process.returncode, process.said()

    def snakemake(self, *arguments: str, **how: Any) -> str:
        """What Snakemake says, which must end well."""
        code, said = self.run("snakemake", *(arguments or ("pairs",)), **how)
        assert code == 0, said
        return said

    def again(self, *arguments: str) -> str:
        """The documented commands after the death of Snakemake; what the second one says."""
        code, said = self.run("snakemake", "--unlock")
        assert code == 0, said
        return self.snakemake(*arguments)

    def completed(self) -> Counter[str]:
        """How many optimizations were completed, by pair."""
        return Counter(self.ledger.read_text().split()) if self.ledger.exists() else Counter()


@cache
def undisturbed() -> dict[str, str]:
    """The `contents` of a grid of three pairs that nothing has disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        grid = three(Path(folder, "grid"))
        grid.snakemake()
        assert list(grid.completed().values()) == [1, 1, 1]
        assert leftovers(grid.folder / "results") == []
        return contents(grid.folder / "results")


def three(folder: Path) -> Grid:
    """A grid of three pairs."""
    return Grid(folder, contents=3, styles=1)


def check(grid: Grid) -> None:
    """The results are those of an undisturbed run, nothing was optimized twice, and nothing else is left."""
    assert contents(grid.folder / "results") == undisturbed()
    assert Counter(grid.completed().values()) == {1: 3}
    assert leftovers(grid.folder / "results") == []


def stylize_arguments(name: str = "one", *, iterations: int = 6) -> list[str]:
    """The arguments of `nst stylize` for a pair of a grid by itself."""
    settings = ["--network", "lite", "--size", "40", "--iterations", str(iterations), "--frame-interval", "2"]
    files = ["-o", f"{name}/image.png", "--record", name, "--work", f"work/{name}"]
    return ["stylize", "content0.png", "style0.png", *files, *settings, "--device", "cpu", "--threads", "1"]


def contents(results: Path) -> dict[str, str]:
    """What is in a folder of results, by name: of images the pixels, of records all but times and machines."""
    found = {path.relative_to(results).as_posix(): path for path in results.rglob("*") if path.is_file()}
    return {name: _digest(path) for name, path in sorted(found.items()) if not name.startswith(APART)}


def leftovers(results: Path) -> list[str]:
    """Files below a folder that no result is: temporary and hidden ones, locks, and unfinished work."""
    files = [path for path in results.rglob("*") if not path.is_dir()]
    hidden = [path for path in files if path.name.startswith(".") and path.name != ".snakemake_timestamp"]
    work = [path for path in files if ".work" in path.relative_to(results).parts]
    return sorted({path.relative_to(results).as_posix() for path in (*hidden, *work)})


def wait_for(what: Callable[[], Any], seconds: float = 120) -> Any:
    """The first answer that is true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)
    return found


def _digest(path: Path) -> str:
    if path.suffix == ".png":
        return hashlib.sha256(read_picture(path).pixels.tobytes()).hexdigest()
    if path.name == "run.json":
        record = json.loads(path.read_bytes())
        for name in ("seconds", "started", "process", "peak_memory_mb"):
            record.pop(name, None)
        return json.dumps(record, sort_keys=True)
    if path.name == "losses.csv":
        return "\n".join(_without_seconds(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_seconds(path: Path) -> list[str]:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    at = rows[0].index("seconds")
    return [",".join(row[:at] + row[at + 1 :]) for row in rows]
