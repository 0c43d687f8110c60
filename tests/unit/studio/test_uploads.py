"""Uploads: stored under names of ours, seen by their session only, removed without a trace."""

from __future__ import annotations

import io
import os
import stat
import threading

import pytest
from PIL import Image

from nst.errors import NstError
from nst.studio import decoding, uploads
from nst.studio.decoding import Decoded
from nst.studio.errors import NotFound
from nst.studio.quotas import QuotaError
from nst.studio.uploads import Upload, display_name, samples
from uploads import files, image_bytes, studio

JPEG = image_bytes()


@pytest.fixture
def store(tmp_path):
    return studio(tmp_path)


@pytest.fixture
def decoded(monkeypatch):
    """Decoding without its process, which other tests have."""

    def accept(file, preview, *, name, pixels):
        if not file.read_bytes().startswith(JPEG[:3]):
            raise NstError(f"{name} is not an image")
        preview.write_bytes(b"preview")
        return Decoded(".jpg", 40, 24)

    monkeypatch.setattr(decoding, "decode", accept)


def receive(store, session="a", data=JPEG, name="lake.jpg", kind="content") -> Upload:
    return store.receive(session, kind, name, io.BytesIO(data))


def test_an_image_is_stored_as_it_is_under_a_name_of_ours(store, tmp_path):
    upload = receive(store, name="../../See im Frühling.PNG")
    assert (upload.kind, upload.name, upload.suffix) == ("content", "See im Frühling.PNG", ".jpg")
    assert (upload.width, upload.height, upload.bytes) == (40, 24, len(JPEG))
    assert files(tmp_path) == [f"uploads/{upload.id}.jpg", f"uploads/{upload.id}.preview.webp"]
    assert store.file(upload).read_bytes() == JPEG
    with Image.open(store.preview(upload)) as preview:
        assert preview.format == "WEBP"
    assert stat.S_IMODE(store.file(upload).parent.stat().st_mode) == 0o700
    assert store.get("a", upload.id) == upload
    assert store.of_session("a") == [upload]


def test_a_mask_of_an_upload(store, tmp_path):
    content = receive(store)
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "white").save(file, "PNG")
    painted = store.receive_mask("a", content.id, io.BytesIO(file.getvalue()))
    assert (painted.kind, painted.name, painted.suffix) == ("mask", "Mask of lake.jpg", ".png")
    assert store.get("a", painted.id).content == content.id
    assert painted.bytes == store.file(painted).stat().st_size
    with Image.open(store.file(painted)) as stored:
        assert (stored.mode, stored.size) == ("L", (30, 20))
    with pytest.raises(NotFound):
        store.receive_mask("b", content.id, io.BytesIO(file.getvalue()))
    assert len(files(tmp_path)) == 4
    store.remove("a", content.id)
    assert store.of_session("a") == []
    assert files(tmp_path) == []


def test_a_sample(store):
    assert {"harbour.jpg", "lake.jpg"} <= set(samples("content"))
    assert "wave.jpg" in samples("style")
    upload = store.add_sample("a", "style", "wave.jpg")
    assert (upload.kind, upload.name) == ("style", "wave.jpg")
    assert store.file(upload).read_bytes() == samples("style")["wave.jpg"].read_bytes()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("content", "wave.jpg"), ("style", "../content/lake.jpg"), ("style", "/etc/passwd"), ("mask", "wave.jpg"),
     ("../data/style", "wave.jpg"), ("style", "")],
)  # fmt: skip
def test_what_is_no_sample(store, tmp_path, kind, name):
    with pytest.raises(NotFound):
        store.add_sample("a", kind, name)
    assert files(tmp_path) == []


def test_other_sessions_see_nothing(store, decoded):
    upload = receive(store)
    assert store.of_session("b") == []
    for call in (store.get, store.remove):
        with pytest.raises(NotFound):
            call("b", upload.id)
    assert store.get("a", upload.id) == upload


@pytest.mark.parametrize("wrong", ["", "0" * 16, "../" + "0" * 13, "%", "\0", "\ud800", "0" * 10_000, "' OR 1=1 --"])
def test_what_is_no_id(store, decoded, wrong):
    receive(store)
    with pytest.raises(NotFound):
        store.get("a", wrong)


def test_the_order_is_that_of_the_uploads(store, decoded, monkeypatch):
    monkeypatch.setattr(uploads.time, "time", lambda: 5.0)
    names = [f"{number}.jpg" for number in range(5)]
    for name in names:
        receive(store, name=name)
    assert [upload.name for upload in store.of_session("a")] == names


def test_removed_without_a_trace_but_a_run_keeps_its_link(store, decoded, tmp_path):
    upload = receive(store)
    os.link(store.file(upload), tmp_path / "of a run.jpg")
    store.remove("a", upload.id)
    assert store.of_session("a") == []
    assert files(tmp_path) == ["of a run.jpg"]
    assert (tmp_path / "of a run.jpg").read_bytes() == JPEG


@pytest.mark.parametrize("kind", ["mask", "", "../content"])
def test_an_image_of_no_kind(store, tmp_path, kind):
    with pytest.raises(NstError, match="an image is uploaded as content or style"):
        receive(store, kind=kind)
    assert files(tmp_path) == []


def test_a_refused_file_leaves_nothing(store, tmp_path):
    with pytest.raises(NstError, match=r"^notes\.txt is not an image"):
        receive(store, data=b"text", name="notes.txt")
    assert list((tmp_path / "uploads").iterdir()) == []
    assert store.of_session("a") == []


class Endless(io.RawIOBase):
    """A body without an end; counts what was read."""

    taken = 0

    def read(self, size=-1):
        assert size > 0
        self.taken += size
        return JPEG[:3] + bytes(size - 3) if self.taken == size else bytes(size)


def test_a_long_body_is_not_read_to_its_end(tmp_path, decoded):
    store, body = studio(tmp_path, file_bytes=1_000_000), Endless()
    with pytest.raises(QuotaError, match="an image may have at most 1 MB"):
        store.receive("a", "content", "a.jpg", body)
    assert body.taken == 1_000_001
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_body_just_as_long_as_allowed(tmp_path, decoded):
    store = studio(tmp_path, file_bytes=len(JPEG))
    assert receive(store).bytes == len(JPEG)


class Broken(io.RawIOBase):
    """A body that ends with an error of the system, or of the server."""

    def __init__(self, error):
        self.error = error

    def read(self, size=-1):
        raise self.error


def test_an_error_of_the_disk_is_a_sentence_without_a_path(store, tmp_path):
    with pytest.raises(NstError, match=r"^a\.jpg cannot be stored \(No space left on device\); try again later$"):
        store.receive("a", "content", "a.jpg", Broken(OSError(28, "No space left on device", str(tmp_path))))
    with pytest.raises(ZeroDivisionError):  # others are the server's to handle
        store.receive("a", "content", "a.jpg", Broken(ZeroDivisionError()))
    assert list((tmp_path / "uploads").iterdir()) == []


def test_where_the_row_cannot_be_written_no_file_remains(store, decoded, tmp_path):
    with store._database.connect() as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON uploads BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(Exception, match="full"):
        receive(store)
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("quota", "sentence"),
    [
        ({"uploads": 2}, "at most 2 images can be stored"),
        ({"session_bytes": 2 * len(JPEG) + 1}, "your images may have at most"),
        ({"all_bytes": 2 * len(JPEG) + 1}, "the studio has no space for more images"),
    ],
)
def test_quotas_of_all_uploads(tmp_path, decoded, quota, sentence):
    store = studio(tmp_path, **quota)
    first = receive(store)
    receive(store)
    with pytest.raises(QuotaError, match=f"^{sentence}"):
        receive(store)
    assert len(files(tmp_path)) == 4
    store.remove("a", first.id)
    receive(store)


def test_what_another_session_has_counts_only_for_all(tmp_path, decoded):
    store = studio(tmp_path, uploads=1, session_bytes=len(JPEG), all_bytes=2 * len(JPEG))
    receive(store, "a")
    receive(store, "b")
    with pytest.raises(QuotaError, match="the studio has no space"):
        receive(store, "c")


def test_a_full_disk_refuses_before_the_body_is_read(tmp_path):
    store, body = studio(tmp_path, free_bytes=2**62), Endless()
    with pytest.raises(QuotaError, match="disk is nearly full"):
        store.receive("a", "content", "a.jpg", body)
    assert body.taken == 0


def test_uploads_at_the_same_time_keep_the_quota(tmp_path, monkeypatch):
    together = threading.Barrier(4)

    def accept(file, preview, *, name, pixels):
        preview.write_bytes(b"preview")
        together.wait(60)  # all have passed the first check
        return Decoded(".jpg", 40, 24)

    monkeypatch.setattr(decoding, "decode", accept)
    store, refused = studio(tmp_path, uploads=1), []

    def attempt():
        try:
            receive(store)
        except QuotaError as error:
            refused.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert len(files(tmp_path)) == 2


def test_what_a_killed_studio_left_behind_is_swept(store, decoded, tmp_path):
    upload = receive(store)
    folder = tmp_path / "uploads"
    (folder / ".nst-abc").mkdir()
    (folder / ".nst-abc/upload").write_bytes(JPEG)
    (folder / f"{'0' * 16}.jpg").write_bytes(JPEG)
    store.sweep()
    assert files(tmp_path) == [f"uploads/{upload.id}.jpg", f"uploads/{upload.id}.preview.webp"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("lake.jpg", "lake.jpg"),
        ("C:\\Users\\me\\lake.jpg", "lake.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..", "image"),
        ("", "image"),
        ("a/", "image"),
        ("a\0b\r\nSet-Cookie: x=1\t.jpg", "ab Set-Cookie: x=1 .jpg"),
        ("\u202egpj.exe\u2066", "gpj.exe"),
        ("e\u0301te\u0301.jpg", "été.jpg"),
        ("<b>.jpg", "<b>.jpg"),  # pages show it as text
        ("\ud800a.jpg", "a.jpg"),
        ("x" * 100 + ".jpeg", "x" * 74 + "….jpeg"),
        ("x" * 100, "x" * 79 + "…"),
    ],
)
def test_names_are_plain_text(given, shown):
    assert display_name(given) == shown
