"""Files that are whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nst.errors import NstError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffix, that takes its place when the block ends well.

    Missing folders are made; after any failure `path` is what it was before. Raises NstError for a place that
    cannot be written.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise NstError(f"{path}: cannot be written ({reason}); choose a folder that you may write to") from error
    finally:
        temporary.unlink(missing_ok=True)
