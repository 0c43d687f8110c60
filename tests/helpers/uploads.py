"""A studio's uploads in a folder, on a database of their own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from nst.studio.database import Database
from nst.studio.quotas import Quotas
from nst.studio.uploads import Uploads


def studio(folder: Path, **quotas: int) -> Uploads:
    """The uploads of a new studio; `files` has what they store."""
    folder.mkdir(parents=True, exist_ok=True)
    return Uploads(folder / "uploads", Database(folder / "studio.sqlite"), Quotas(**quotas))


def files(folder: Path) -> list[str]:
    """The names of all files of a studio and around it, but for the database's."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("studio.sqlite"))


def image_bytes(kind: str = "JPEG", *, width: int = 40, height: int = 24, mode: str = "RGB", **options) -> bytes:
    """A file of noise."""
    levels = np.random.default_rng(7).integers(0, 256, (height, width, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).convert("RGBA").convert(mode).save(file, kind, **options)
    return file.getvalue()
