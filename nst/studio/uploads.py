"""The images that people bring: stored under names of ours, and seen only by the session that brought them."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import IO

from nst.errors import NstError
from nst.grid import shipped
from nst.studio import decoding
from nst.studio.database import Database
from nst.studio.errors import NotFound
from nst.studio.quotas import Quotas

#: What an image may be uploaded as. Masks come from the page's canvas.
KINDS = ("content", "style")
#: Characters of a name.
NAME = 80

_ID = re.compile(r"[0-9a-f]{16}")
#: Suffix of previews; uploads may have the suffix .webp.
_PREVIEW = ".preview.webp"
#: Prefix of the folders of unfinished uploads.
_UNFINISHED = ".nst-"
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Upload:
    """A stored image."""

    id: str
    kind: str  # content, style or mask
    name: str  # the client's, as plain text
    suffix: str  # of its format, with the dot
    width: int  # in pixels, upright
    height: int
    bytes: int
    created: float  # in seconds since 1970
    content: str | None = None  # of a mask: the id of what it masks


_COLUMNS = ", ".join(field.name for field in fields(Upload))


class Uploads:
    """The uploads of a studio: files in a folder, and the table `uploads`."""

    def __init__(self, folder: Path, database: Database, quotas: Quotas):
        self._folder, self._database, self._quotas = folder, database, quotas
        self._recording = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def receive(self, session: str, kind: str, name: str, stream: IO[bytes]) -> Upload:
        """Store an image from a stream, which is not read beyond the limit.

        name: the client's file name; it is only displayed.
        Raises NstError for what is not an image or not accepted, QuotaError and BusyError.
        """
        if kind not in KINDS:
            raise NstError(f"an image is uploaded as {' or '.join(KINDS)}")
        return self._receive(session, kind, display_name(name), stream, decoding.decode)

    def receive_mask(self, session: str, content: str, stream: IO[bytes]) -> Upload:
        """Store a mask for a content of the session: a PNG. Raises as `receive` and `get` do."""
        name = f"Mask of {self.get(session, content).name}"
        return self._receive(session, "mask", name[:NAME], stream, decoding.mask, content)

    def add_sample(self, session: str, kind: str, name: str) -> Upload:
        """Store a copy of a sample. Raises NotFound for a name that `samples` does not have, otherwise as `receive`."""
        sample = samples(kind).get(name)
        if sample is None:
            raise NotFound("there is no such sample; reload the page")
        with sample.open("rb") as stream:
            return self.receive(session, kind, name, stream)

    def of_session(self, session: str) -> list[Upload]:
        """The uploads of a session, oldest first."""
        with self._database.connect() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM uploads WHERE session = ? ORDER BY created, rowid",  # noqa: S608
                (session,),
            ).fetchall()
        return [Upload(*row) for row in rows]

    def get(self, session: str, upload: str) -> Upload:
        """An upload of a session by its id. Raises NotFound, also for the upload of another session."""
        row = None
        if _ID.fullmatch(upload):
            with self._database.connect() as connection:
                row = connection.execute(
                    f"SELECT {_COLUMNS} FROM uploads WHERE id = ? AND session = ?",  # noqa: S608
                    (upload, session),
                ).fetchone()
        if row is None:
            raise NotFound("there is no such image; it may have been removed")
        return Upload(*row)

    def remove(self, session: str, upload: str) -> None:
        """Remove an upload, and its masks. Raises NotFound as `get` does."""
        found = self.get(session, upload)
        masks = [each for each in self.of_session(session) if each.content == upload]
        with self._database.connect() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?1 OR content = ?1", (found.id,))
        for each in (found, *masks):
            self._delete(each)

    def file(self, upload: Upload) -> Path:
        """The file as it was uploaded; of a mask, a grayscale PNG."""
        return self._folder / f"{upload.id}{upload.suffix}"

    def preview(self, upload: Upload) -> Path:
        """The upright preview, a WebP."""
        return self._folder / f"{upload.id}{_PREVIEW}"

    def sweep(self) -> None:
        """Remove what a killed studio left behind: unfinished uploads, and files without a row. For the start."""
        with self._database.connect() as connection:
            stored = {row[0] for row in connection.execute("SELECT id FROM uploads")}
        for path in self._folder.iterdir():
            if path.name.startswith(_UNFINISHED):
                shutil.rmtree(path)
            elif path.name.split(".")[0] not in stored:
                path.unlink()

    def _receive(
        self,
        session: str,
        kind: str,
        name: str,
        stream: IO[bytes],
        decode: Callable[..., decoding.Decoded],
        content: str | None = None,
    ) -> Upload:
        self._check(session, 0)
        try:
            with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=self._folder) as unfinished:
                file, preview = Path(unfinished, "upload"), Path(unfinished, "preview.webp")
                self._read(stream, file)
                found = decode(file, preview, name=name, pixels=self._quotas.pixels)
                upload = Upload(
                    secrets.token_hex(8), kind, name, found.suffix, found.width, found.height,
                    file.stat().st_size, time.time(), content,
                )  # fmt: skip
                self._record(session, upload, file, preview)
        except OSError as error:
            raise NstError(f"{name} cannot be stored ({error.strerror}); try again later") from error
        return upload

    def _read(self, stream: IO[bytes], file: Path) -> None:
        """Write a stream to a file. Raises QuotaError as soon as it is too long."""
        size = 0
        with file.open("xb") as target:
            while chunk := stream.read(min(_CHUNK, self._quotas.file_bytes + 1 - size)):
                size += len(chunk)
                self._quotas.check_file(size)
                target.write(chunk)

    def _record(self, session: str, upload: Upload, file: Path, preview: Path) -> None:
        """Move the files to their names and insert the row, unless uploads that came meanwhile exceed a quota."""
        try:
            with self._recording:
                self._check(session, upload.bytes)
                file.replace(self.file(upload))
                preview.replace(self.preview(upload))
                with self._database.connect() as connection:
                    connection.execute(
                        f"INSERT INTO uploads (session, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                        (session, *(getattr(upload, field.name) for field in fields(Upload))),
                    )
        except BaseException:
            self._delete(upload)
            raise

    def _check(self, session: str, size: int) -> None:
        with self._database.connect() as connection:
            count, session_bytes, all_bytes = connection.execute(
                "SELECT count(*) FILTER (WHERE session = :session), "
                "coalesce(sum(bytes) FILTER (WHERE session = :session), 0), coalesce(sum(bytes), 0) FROM uploads",
                {"session": session},
            ).fetchone()
        self._quotas.check_uploads(count + 1, session_bytes + size, all_bytes + size)
        self._quotas.check_disk(self._folder, size)

    def _delete(self, upload: Upload) -> None:
        self.file(upload).unlink(missing_ok=True)
        self.preview(upload).unlink(missing_ok=True)


def samples(kind: str) -> dict[str, Path]:
    """The sample images of a kind, by their names."""
    if kind not in KINDS:
        return {}
    return {path.name: path for path in sorted((shipped.folder() / "data" / kind).glob("*.jpg"))}


def display_name(name: str) -> str:
    """A client's file name as plain text: its last part, without control and other invisible characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1][: 10 * NAME]
    visible = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in unicodedata.normalize("NFC", last))
    plain = " ".join(visible.split())
    if not plain.strip("."):
        return "image"
    if len(plain) <= NAME:
        return plain
    suffix = PurePosixPath(plain).suffix[:6]
    return f"{plain[: NAME - 1 - len(suffix)].rstrip()}…{suffix}"
