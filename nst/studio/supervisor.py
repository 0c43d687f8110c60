"""The supervisor: starts Snakemake for queued runs, and notes how it ended.

What happens when the studio ends: on SIGTERM or Ctrl-C it interrupts Snakemake, whose images keep their checkpoints,
and the run continues at the next start. Killed, it leaves Snakemake running; the next studio waits for it and then
starts Snakemake again, which makes what is missing and returns an exit status.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from nst import layout
from nst.errors import NstError
from nst.grid import plan, shipped
from nst.grid.config import load_config
from nst.io.logs import tail
from nst.studio import progress
from nst.studio.errors import NotFound
from nst.studio.runs import CONFIG, LOG, RESULTS, TASK_LOG, Runs, StudioRun, Task

log = logging.getLogger(__name__)

#: Seconds after which a task, such as publishing to a slow server, is ended.
TASK_SECONDS = 1800.0
#: What a run makes: what the app shows. Sheets and plots come from the recipe's command.
TARGETS = ("gallery",)
#: Seconds between two looks at queue and processes.
POLL = 0.2
#: Seconds after an interrupt until SIGTERM, and until SIGKILL: checkpoints of large images take long to write.
GENTLE, PATIENT = 20.0, 60.0


@dataclass(frozen=True)
class Launch:
    """How runs are started."""

    cores: int
    at_once: int = 1
    profile: Path | None = None
    publish: str = ""

    def snakemake(self, run: StudioRun) -> list[str]:
        """The command that makes a run, in its folder."""
        profile = self.profile or shipped.folder() / "profiles/default"  # not one in the studio's working directory
        cores = 0 if self.profile else self.cores
        command = [sys.executable, "-m", "snakemake"]
        command += plan.snakemake_arguments(
            {}, config_file=CONFIG, profile=str(profile), cores=cores, folder=run.folder
        )
        command += ["--nolock"]  # the supervisor starts one process per folder; a lock would outlive a killed one
        command += ["--logger", "nst"]  # progress.py reads its lines
        return [*command, "--", *TARGETS]

    def task(self, run: StudioRun, kind: str) -> list[str]:
        """The command of a task, in the folder of its run."""
        nst = [sys.executable, "-m", "nst"]
        if kind == "publish":
            return [*nst, "publish", RESULTS, f"{self.publish.rstrip('/')}/{run.id}"]
        ranking = ["--rank-by", load_config(self.profile / "nst.yaml").rank_by] if self.profile else []
        folders = ["-o", f"{RESULTS}/{layout.GALLERY_FOLDER}", "--work", f"{RESULTS}/{layout.GALLERY_WORK}"]
        return [*nst, "gallery", f"{RESULTS}/{layout.GRID}", *folders, *ranking]


@dataclass
class _Process:
    """A Snakemake: our child, or one that an earlier studio left running."""

    process: psutil.Process
    child: subprocess.Popen[bytes] | None
    interrupted: float | None = None
    sent: set[int] = field(default_factory=set)

    def ended(self) -> bool:
        if self.child is not None:
            return self.child.poll() is not None
        return not _alive(self.process)

    def stop(self) -> None:
        """Interrupt it; call again until it has ended: with time the signals become stronger."""
        now = time.monotonic()
        self.interrupted = self.interrupted or now
        waited = now - self.interrupted
        due = signal.SIGKILL if waited > PATIENT else signal.SIGTERM if waited > GENTLE else signal.SIGINT
        if due not in self.sent:
            self.sent.add(due)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, due)


class Supervisor:
    """Runs as a thread of the studio from `start` to `stop`."""

    def __init__(self, runs: Runs, launch: Launch):
        self._runs, self._launch = runs, launch
        self._processes: dict[str, _Process] = {}
        self._task: tuple[Task, subprocess.Popen[bytes], float] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)

    def start(self) -> None:
        """Adopt what an earlier studio left, and start the thread."""
        self._processes = {name: _Process(process, None) for name, process in _left_running(self._runs.folder)}
        self._thread.start()

    def stop(self) -> None:
        """Interrupt all processes and wait for their end. Their runs continue at the next start."""
        self._ending.set()
        self._thread.join()
        while self._processes:
            for run_id, process in list(self._processes.items()):
                process.stop()
                if process.ended():
                    del self._processes[run_id]
                    self._runs.change(run_id, ("running",), "queued")
            time.sleep(POLL)
        if self._task:
            _, child, _ = self._task
            child.terminate()  # it stays in the list, and starts again with the next studio

    def _loop(self) -> None:
        while not self._ending.wait(POLL):
            try:
                self._look()
            except Exception:  # a full disk or a locked database must not end the supervisor
                log.exception("the supervisor had an error, and continues")
                self._ending.wait(5.0)

    def _look(self) -> None:
        for run_id, process in list(self._processes.items()):
            self._watch(run_id, process)
        for run in self._runs.in_state("running"):
            if run.id not in self._processes:  # an earlier studio ended without noting it
                self._runs.change(run.id, ("running",), "queued")
        for run_id in self._runs.waiting():
            if len(self._processes) >= self._launch.at_once:
                break
            if run_id not in self._processes:  # a retried run whose old process has not ended yet
                self._start(run_id)
        self._do_tasks()

    def _watch(self, run_id: str, process: _Process) -> None:
        try:
            run = self._runs.get(None, run_id)
        except NotFound:  # deleted
            run = None
        if process.ended():
            if run is None:
                self._runs.discard(run_id)  # it has written files since
            elif process.child is None:
                self._runs.change(run_id, ("running",), "queued")  # its exit status is unknown
            else:
                self._finish(run, process.child.returncode)
            del self._processes[run_id]  # last: what cannot be noted on a full disk is tried again
        elif run is None or run.state != "running":
            process.stop()

    def _start(self, run_id: str) -> None:
        now = time.time()
        if not self._runs.change(run_id, ("queued",), "running", started=now, message=""):
            return  # canceled meanwhile
        run = self._runs.get(None, run_id)
        try:
            with (run.folder / LOG).open("wb") as file:
                child = subprocess.Popen(
                    self._launch.snakemake(run),
                    cwd=run.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=plan.environment(),
                    start_new_session=True,  # signals reach its jobs too, and never ours
                )
            self._processes[run_id] = _Process(psutil.Process(child.pid), child)
        except (OSError, NstError, psutil.Error) as error:
            message = getattr(error, "strerror", None) or str(error)  # without the path
            self._runs.change(run_id, ("running",), "failed", ended=time.time(), message=message)

    def _finish(self, run: StudioRun, status: int) -> None:
        try:
            pairs = progress.read(run)
            message = progress.failure(run, pairs) if status else ""
        except (NstError, FileNotFoundError) as error:  # of another version, or removed by hand: others must start
            message = progress.unreadable(run, error)
            self._runs.change(run.id, ("running",), "failed", ended=time.time(), message=message)
            return
        done = sum(pair.state == "done" for pair in pairs)
        self._runs.update(run.id, done=done, failed=len(pairs) - done if run.state == "running" and status else 0)
        if status == 0:
            self._runs.change(run.id, ("running",), "done", ended=time.time())
        else:
            self._runs.change(run.id, ("running",), "failed", ended=time.time(), message=message)

    def _do_tasks(self) -> None:
        """Run tasks one by one: a gallery with new ratings, publishing."""
        if self._task:
            task, child, began = self._task
            if child.poll() is None:
                if time.monotonic() - began > TASK_SECONDS:
                    child.kill()  # the others wait; what it has sent is not sent again
                return
            lines = tail(self._runs.folder / task.run / TASK_LOG).strip().splitlines()
            if task.kind == "publish" and (lines or child.returncode):
                last = lines[-1].removeprefix("nst: ") if lines else "publishing was stopped; try again"
                if child.returncode == 0:
                    self._runs.update(task.run, published=last)
                else:
                    self._runs.add_message(task.run, last)
            self._runs.end_task(task)
            self._task = None  # last: what cannot be noted on a full disk is tried again
        if next_task := self._runs.next_task(busy=self._processes):
            try:
                run = self._runs.get(None, next_task.run)
                with (run.folder / TASK_LOG).open("wb") as file:  # a full pipe would stop it
                    child = subprocess.Popen(
                        self._launch.task(run, next_task.kind),
                        cwd=run.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=subprocess.STDOUT,
                        env=plan.environment(),
                    )
                self._task = next_task, child, time.monotonic()
            except (NstError, FileNotFoundError) as error:  # the run was deleted, or the profile cannot be read
                log.warning("%s of run %s cannot start: %s", next_task.kind, next_task.run, error)
                self._runs.end_task(next_task)


def _left_running(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """(run, process) of each Snakemake that works in a run's folder: an earlier studio started it and was killed."""
    folder = folder.resolve()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if "snakemake" in process.cmdline() and os.getpgid(process.pid) == process.pid:
                place = Path(process.cwd())
                if place.parent == folder:
                    yield place.name, process


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
