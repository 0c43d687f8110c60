"""Runs: each is a grid in a folder of its own, in which the supervisor starts Snakemake.

runs/RUN/manifest.csv config.yaml images/   what was asked for; paths are relative to the folder
runs/RUN/results/ snakemake.log .snakemake/ what Snakemake makes
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import secrets
import shutil
import sqlite3
import time
import unicodedata
from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from nst.errors import NstError
from nst.grid.cells import styles_text
from nst.grid.config import load_config
from nst.grid.estimate import estimate
from nst.grid.inputs import Files
from nst.grid.names import Slugs, slug
from nst.grid.pairs import Pair, read_grid
from nst.images import picture_size
from nst.settings import defaults, fields, number_text, text
from nst.studio import form
from nst.studio.database import Database
from nst.studio.errors import Conflict, NotFound
from nst.studio.quotas import Quotas
from nst.studio.uploads import Upload, Uploads
from nst.summaries.gallery_folders import key_of, link

#: Files in the folder of a run.
MANIFEST, CONFIG, IMAGES, RESULTS = "manifest.csv", "config.yaml", "images", "results"
LOG, TASK_LOG = "snakemake.log", "task.log"
#: Images of a run that lists show.
THUMBNAILS = 4
#: Maximum length of the name of an image's file, whose letters may take several bytes.
_NAME_BYTES = 120
#: States in which a run has work to do.
ACTIVE = ("queued", "running")

_CONFIG = f"# Written by nst studio.\nmanifest: {MANIFEST}\nresults: {RESULTS}\n"
#: Changes of `again`: the factor on the style weight.
_CHANGES = {"larger": 1.0, "more": 3.0, "less": 1 / 3}
#: Long side in px of a larger version; an image that has it already becomes twice as large, up to the second number.
_LARGE, _LARGEST = 1024, 4096


class Task(NamedTuple):
    """What the supervisor is asked to do besides runs: `gallery` or `publish`."""

    run: str
    kind: str
    asked: float  # when it was last asked for


@dataclass(frozen=True)
class StudioRun:
    """A row of the table `runs`, and its folder."""

    id: str
    session: str
    title: str
    images: int
    seconds: float
    created: float
    state: str
    queued: float
    started: float | None
    ended: float | None
    done: int
    failed: int
    keys: str
    message: str
    published: str
    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / RESULTS

    @property
    def pairs(self) -> dict[str, Pair]:
        """The pairs by key, in the order of the manifest. Their paths are relative to the folder."""
        return _pairs(self.folder)

    @property
    def varied(self) -> list[str]:
        """The settings whose values differ between pairs."""
        settings = [pair.settings for pair in self.pairs.values()]
        return [name for name in fields() if len({text(getattr(one, name)) for one in settings}) > 1]

    def pair(self, key: str) -> Pair:
        """The pair of a key. Raises NotFound."""
        if key not in self.pairs:
            raise NotFound
        return self.pairs[key]


@lru_cache(maxsize=256)
def _pairs(folder: Path) -> dict[str, Pair]:
    config = load_config(folder / CONFIG)
    pairs = read_grid(folder / MANIFEST, config, Files(folder))
    return {key_of(pair.id): pair for pair in pairs}


def _seconds(folder: Path) -> float:
    """The estimated seconds of all pairs of a folder."""
    files, cores = Files(folder), os.cpu_count() or 1
    pairs = _pairs(folder).values()
    return sum(estimate(p.settings, files.size(p.content), cores, styles=len(p.styles))[0] for p in pairs)


class Runs:
    """All runs of a studio. Methods with a session raise NotFound for a run of another one."""

    def __init__(self, folder: Path, database: Database, uploads: Uploads, quotas: Quotas):
        self.folder, self._database = folder / "runs", database
        self._uploads, self._quotas = uploads, quotas
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def forecast(self, session: str, request: form.GridRequest) -> form.Forecast:
        """What a request would make. Raises NotFound for images that the session does not have."""
        uploads = self._of(session, request)
        sizes = {upload.id: (upload.width, upload.height) for upload in uploads.values()}
        return form.forecast(request, sizes, os.cpu_count() or 1, self._quotas.images)

    def create(self, session: str, request: form.GridRequest) -> str:
        """Put a run into the queue; returns its id. Raises NstError if it has problems or the queue is full."""
        forecast = self.forecast(session, request)
        if forecast.problems:
            raise NstError("\n".join(f"{name}: {message}" if name else message for name, message in forecast.problems))
        uploads = self._of(session, request)
        slugs = Slugs(_file_name)
        names = {id: f"{IMAGES}/{slugs(id, Path(u.name).stem)}{u.suffix}" for id, u in uploads.items()}
        manifest = form.manifest(request, names, form.given(request))
        files = {name: self._uploads.file(uploads[id]) for id, name in names.items()}
        return self._add(session, request.title or _title(uploads, request), manifest, files, forecast.seconds)

    def again(self, session: str, run_id: str, key: str, change: str) -> str:
        """Put a run of one pair into the queue that starts from the pair's image; returns its id.

        Args:
            change: `larger`, or `more` or `less` style.
        """
        if change not in _CHANGES:
            raise NstError(f"change: {change!r} is not allowed; use one of {', '.join(_CHANGES)}")
        run = self.get(session, run_id)
        pair = run.pair(key)
        image = run.folder / pair.image(RESULTS, "png")
        if not image.is_file():
            raise Conflict("this image is not finished; wait for it")
        start = f"{IMAGES}/start-{key}.png"
        files = {path: run.folder / path for path in pair.pictures} | {start: image}
        changed = {"init": start} | (_larger(image) if change == "larger" else _more_style(pair, _CHANGES[change]))
        settings = {name: text(getattr(pair.settings, name)) for name in fields() if name != "preset"} | changed
        cells = {name: value for name, value in settings.items() if value != text(getattr(defaults(), name))}
        words = {"larger": "larger", "more": "more style", "less": "less style"}
        manifest = _row({"content": pair.content, "style": styles_text(pair.styles), "name": words[change], **cells})
        return self._add(session, f"{pair.content_title} × {pair.style_title}, {words[change]}", manifest, files)

    def _add(
        self, session: str, title: str, manifest: str, files: Mapping[str, Path], seconds: float | None = None
    ) -> str:
        """Write the folder of a run and put it into the queue."""
        id = secrets.token_hex(8)
        self._check_quotas(session)
        folder, fresh = self.folder / id, self._hidden(id)
        (fresh / IMAGES).mkdir(parents=True)
        try:
            for name, source in files.items():
                link(source, fresh / name)  # the run keeps its images when an upload is removed
            (fresh / MANIFEST).write_text(manifest, encoding="utf-8")
            (fresh / CONFIG).write_text(_CONFIG, encoding="utf-8")
            fresh.rename(folder)
            pairs, now = _pairs(folder), time.time()
            keys = " ".join(list(pairs)[:THUMBNAILS])
            row = (id, session, title[:100], len(pairs), seconds or _seconds(folder), now, now, keys)
            with self._database.connect() as connection:
                connection.execute(
                    "INSERT INTO runs (id, session, title, images, seconds, created, state, queued, keys)"
                    " VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
                    row,
                )
        except BaseException as error:
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, FileNotFoundError):
                raise NotFound("an image has just been removed; add it again") from None
            if isinstance(error, NstError):  # about the manifest; clients need not know its path on the server
                raise NstError(str(error).replace(f"{folder}/", "")) from None
            raise
        return id

    def _check_quotas(self, session: str) -> None:
        with self._database.connect() as connection:
            queued, runs = connection.execute(
                "SELECT count(*) FILTER (WHERE session = ? AND state = 'queued'), count(*) FROM runs", (session,)
            ).fetchone()
        self._quotas.check_runs(queued + 1, runs + 1)
        self._quotas.check_disk(self.folder)

    def _of(self, session: str, request: form.GridRequest) -> dict[str, Upload]:
        return {id: self._uploads.get(session, id) for id in request.uploads}

    def get(self, session: str | None, run_id: str) -> StudioRun:
        """A run. session: None for the supervisor and for shares, which see all."""
        with self._database.connect() as connection:
            row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None or session not in (None, row["session"]):
            raise NotFound
        return self._run(row)

    def of(self, session: str) -> list[StudioRun]:
        """The runs of a session, newest first."""
        with self._database.connect() as connection:
            rows = connection.execute("SELECT * FROM runs WHERE session = ? ORDER BY created DESC", (session,))
            return [self._run(row) for row in rows]

    def in_state(self, state: str) -> list[StudioRun]:
        """All runs in a state, in the order in which they were queued."""
        with self._database.connect() as connection:
            rows = connection.execute("SELECT * FROM runs WHERE state = ? ORDER BY queued", (state,))
            return [self._run(row) for row in rows]

    def _run(self, row: sqlite3.Row) -> StudioRun:
        return StudioRun(**dict(row), folder=self.folder / row["id"])

    def cancel(self, session: str, run_id: str) -> None:
        """Cancel a queued or running run. The supervisor ends its process; finished images stay."""
        self.get(session, run_id)
        if not self.change(run_id, ACTIVE, "canceled", ended=time.time()):
            raise Conflict("this run has already ended")

    def retry(self, session: str, run_id: str) -> None:
        """Put a run that failed or was canceled into the queue again; what is finished is not made again."""
        self.get(session, run_id)
        now = time.time()
        if not self.change(run_id, ("failed", "canceled"), "queued", queued=now, started=None, ended=None, message=""):
            raise Conflict("this run has not failed; only failed and canceled runs can be retried")

    def delete(self, session: str, run_id: str) -> None:
        """Delete a run with all its files."""
        run = self.get(session, run_id)
        with self._database.connect() as connection:
            gone = connection.execute(
                f"DELETE FROM runs WHERE id = ? AND state NOT IN {ACTIVE}",  # noqa: S608 - a constant
                (run_id,),
            )
        if not gone.rowcount:
            raise Conflict("this run has not ended; cancel it first")
        with contextlib.suppress(FileNotFoundError):
            run.folder.rename(self._hidden(run_id))
        self.discard(run_id)

    def discard(self, run_id: str) -> None:
        """Remove the files of a deleted run. Its Snakemake may still write some until it has ended."""
        shutil.rmtree(self._hidden(run_id), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a killed studio left behind: runs that were deleted or not yet queued. For the start."""
        for path in self.folder.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)

    def _hidden(self, run_id: str) -> Path:
        """The folder of a run that is not there yet, or no longer."""
        return self.folder / f".{run_id}"

    def change(self, run_id: str, states: tuple[str, ...], state: str, **columns: float | str | None) -> bool:
        """Change the state of a run if it is in one of `states`; returns whether it was."""
        assignments = ", ".join(f"{name} = ?" for name in ("state", *columns))
        marks = ", ".join("?" * len(states))
        with self._database.connect() as connection:
            done = connection.execute(
                f"UPDATE runs SET {assignments} WHERE id = ? AND state IN ({marks})",  # noqa: S608 - names of ours
                (state, *columns.values(), run_id, *states),
            )
        return bool(done.rowcount)

    def update(self, run_id: str, **columns: float | str | None) -> None:
        """Set columns of a run in any state."""
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self._database.connect() as connection:
            connection.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*columns.values(), run_id))  # noqa: S608

    def add_message(self, run_id: str, text: str) -> None:
        """Add a line to the message of a run: why its images could not be made."""
        with self._database.connect() as connection:
            connection.execute(
                "UPDATE runs SET message = trim(message || char(10) || ?, char(10)) WHERE id = ?", (text, run_id)
            )

    def waiting(self) -> list[str]:
        """The ids of queued runs in the order in which they start."""
        with self._database.connect() as connection:
            rows = connection.execute(
                "SELECT id, session, started FROM runs WHERE state = 'queued' ORDER BY queued, rowid"
            ).fetchall()
            last = connection.execute(
                "SELECT session, max(coalesce(started, 0)) + 1e12 * sum(state = 'running') FROM runs GROUP BY session"
            ).fetchall()
        return fair_order([tuple(row) for row in rows], dict(map(tuple, last)))

    # ---- what the supervisor does besides runs
    def ask(self, run_id: str, kind: str) -> None:
        """Ask the supervisor for a task: `gallery` or `publish`."""
        with self._database.connect() as connection:
            connection.execute("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?)", (run_id, kind, time.time()))

    def is_asked(self, run_id: str, kind: str) -> bool:
        """Whether a task waits or is in progress."""
        with self._database.connect() as connection:
            query = "SELECT 1 FROM tasks WHERE run = ? AND kind = ?"
            return connection.execute(query, (run_id, kind)).fetchone() is not None

    def next_task(self, busy: Container[str] = ()) -> Task | None:
        """The next task; None without one. It stays in the list until `end_task`.

        busy: runs whose tasks wait, because Snakemake writes their galleries.
        """
        with self._database.connect() as connection:
            rows = connection.execute("SELECT run, kind, asked FROM tasks ORDER BY asked")
            return next((Task(*row) for row in rows if row["run"] not in busy), None)

    def end_task(self, task: Task) -> None:
        """Remove a task that has ended from the list, unless it was asked for again meanwhile."""
        with self._database.connect() as connection:
            connection.execute("DELETE FROM tasks WHERE run = ? AND kind = ? AND asked = ?", task)


def fair_order(queued: list[tuple[str, str, float | None]], last: Mapping[str, float]) -> list[str]:
    """The ids of queued runs in the order in which they start: sessions take turns.

    A run that was interrupted when the studio stopped has a start time, and comes first.

    Args:
        queued: (id, session, start time) in the order in which they were queued.
        last: when each session last started a run; sessions that started none come first.
    """
    order = [id for id, _, started in queued if started is not None]
    turns: dict[str, deque[str]] = {}
    for id, session, started in queued:
        if started is None:
            turns.setdefault(session, deque()).append(id)
    sessions = deque(sorted(turns, key=lambda session: last.get(session, 0.0)))
    while sessions:
        session = sessions.popleft()
        order.append(turns[session].popleft())
        if turns[session]:
            sessions.append(session)
    return order


def style_words(pair: Pair) -> str:
    """The style in words: wave, or 70% wave + 30% scream."""
    if len(pair.styles) == 1:
        return pair.style_title
    return " + ".join(f"{share:.0%} {Path(path).stem}" for path, share in pair.styles)


def settings_words(pair: Pair, names: Iterable[str]) -> str:
    """Values of settings in words: style weight 4, size 512."""
    return ", ".join(f"{name.replace('_', ' ')} {_shown(pair, name)}" for name in names)


def _shown(pair: Pair, name: str) -> str:
    value = text(getattr(pair.settings, name))
    return Path(value).stem if "/" in value else value or "none"


def _title(uploads: Mapping[str, Upload], request: form.GridRequest) -> str:
    """A title such as: lake, street × wave."""
    contents = [Path(uploads[id].name).stem for id in request.contents]
    styles = [" + ".join(Path(uploads[part.id].name).stem for part in blend) for blend in request.styles]
    return " × ".join(", ".join(names[:2]) + " …" * (len(names) > 2) for names in (contents, styles))


def _file_name(preferred: str) -> str:
    """The name of an image's file. It keeps the letters of every script, because titles are made from it."""
    if preferred.isascii():
        return slug(preferred)
    letters = unicodedata.normalize("NFC", preferred)
    kept = (c if c.isalnum() or c in "._" or unicodedata.category(c)[0] == "M" else "-" for c in letters)
    name = re.sub("-+", "-", "".join(kept)).encode()[:_NAME_BYTES].decode(errors="ignore").strip("._-")
    return name or slug(preferred)


def _larger(image: Path) -> dict[str, str]:
    """The settings of a larger version of an image, with VGG-19."""
    side = max(picture_size(image))  # not the setting `size`, which may be 0: as large as the content
    size = _LARGE if side < _LARGE else max(side, min(2 * side, _LARGEST))
    return {"size": str(size), "network": "vgg19", "weights": "auto", "scales": "1"}


def _more_style(pair: Pair, factor: float) -> dict[str, str]:
    weight = pair.settings.style_weight
    if weight == "auto":
        return {"target_style_loss": number_text(float(f"{pair.settings.target_style_loss / factor:.3g}"))}
    return {"style_weight": number_text(float(f"{weight * factor:.3g}"))}


def _row(cells: Mapping[str, str]) -> str:
    """A manifest of one row."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([list(cells), list(cells.values())])
    return file.getvalue()
