"""Files that are whole or not at all, and what is swept of processes that were killed."""

import os
import time
from contextlib import ExitStack

import pytest

from nst.errors import NstError
from nst.io.files import replacing, sweep


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "new" / "a.txt"
    for text in ("first", "second"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def half_written(path, **how):
    with replacing(path, **how) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def test_after_a_failure_the_file_is_what_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        half_written(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "before")]
    with pytest.raises(NstError, match=r"missing/a\.txt: cannot be written \(No such file"):
        half_written(tmp_path / "missing/a.txt", folders=False)


def test_temporaries_of_killed_processes_are_swept(tmp_path):
    for name in ("kept.png", ".mine.png"):
        (tmp_path / name).touch()
    stack = ExitStack()  # left open, as a process that is killed leaves it
    old, young = (stack.enter_context(replacing(tmp_path / "sheets" / name)) for name in ("a.png", "b.png"))
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 700,) * 2)
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*.png")) == sorted([tmp_path / ".mine.png", tmp_path / "kept.png", young])
    young.unlink()
    stack.pop_all()
