"""nst.summaries.publishing against a real S3 API: what is in the bucket, in which order, and what is said of errors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import requests
from fsspec.registry import _registry

from nst.cli import main
from nst.errors import NstError
from nst.io import storage
from nst.io.files import sha256
from nst.io.storage import Storage
from nst.summaries import publishing
from nst.summaries.gallery import write_gallery
from nst.summaries.publishing import SENT, Published, update
from nst.summaries.records import read_records
from synthetic import write_results

SECRET = "do-not-show-this-secret"
CLOSED = "http://127.0.0.1:9"  # the port of the protocol `discard`, where nothing listens


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: str) -> pytest.MonkeyPatch:
    """The environment variables of AWS, and no credentials from elsewhere."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    return monkeypatch


class Bucket:
    """A bucket, looked at by boto3."""

    def __init__(self, server: str):
        self.name = f"bucket-{uuid4().hex}"
        self.client = boto3.client("s3", endpoint_url=server)
        self.client.create_bucket(Bucket=self.name)

    def url(self, folder: str = "gallery") -> str:
        return f"s3://{self.name}/{folder}"

    def head(self, key: str) -> dict[str, Any]:
        return dict(self.client.head_object(Bucket=self.name, Key=key))

    def read(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def put(self, key: str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=b"mine")

    def make_public(self) -> None:
        """Let everyone read the files."""
        allowed = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        policy = {"Version": "2012-10-17", "Statement": [allowed | {"Resource": f"arn:aws:s3:::{self.name}/*"}]}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def files(self, prefix: str = "gallery/") -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"].removeprefix(prefix) for page in pages for entry in page.get("Contents", [])}


@pytest.fixture
def bucket(environment: pytest.MonkeyPatch, server: str) -> Bucket:
    return Bucket(server)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results with a gallery of two pairs."""
    root = tmp_path / "results"
    grid = write_results(root, ["cat"], ["wave"], {"a": {}, "b": {"size": 64}})
    write_gallery(read_records(grid), grid, root / "gallery")
    return root


def local(results: Path) -> set[str]:
    """The names of a gallery's files that belong to it on a server."""
    gallery = results / "gallery"
    names = {path.relative_to(gallery).as_posix() for path in gallery.rglob("*") if path.is_file()}
    return {name for name in names if not name.endswith("made.json")}


def one_pair(results: Path) -> str:
    """The folder of the first pair in a gallery."""
    return f"pairs/{min(path.name for path in (results / 'gallery/pairs').iterdir())}"


def numbers(made: Published) -> tuple[int, int, int]:
    return made.sent, made.unchanged, made.deleted


def order_of(environment: pytest.MonkeyPatch) -> list[str]:
    """The list that from now on gets the name of each file that is sent or deleted."""
    done: list[str] = []
    for name in ("send", "delete"):
        environment.setattr(Storage, name, _noted(getattr(Storage, name), done, "-" if name == "delete" else ""))
    return done


def _noted(method: Callable[..., None], done: list[str], mark: str) -> Callable[..., None]:
    def noted(self: Storage, *given: Any) -> None:
        method(self, *given)
        done.append(mark + next(part for part in given if isinstance(part, str)))

    return noted


def test_the_bucket_has_the_whole_gallery_which_opens_at_the_url(bucket: Bucket, results: Path, server: str) -> None:
    url = update(results, bucket.url()).url
    assert url == f"{server}/{bucket.name}/gallery/index.html"
    assert bucket.files() == local(results) | {SENT}
    for name in local(results):
        assert bucket.read(f"gallery/{name}") == (results / "gallery" / name).read_bytes()
    bucket.make_public()
    answer = requests.get(url, timeout=10)
    assert answer.text == (results / "gallery/index.html").read_text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_every_file_has_its_type_and_only_images_are_kept_by_browsers(bucket: Bucket, results: Path) -> None:
    update(results / "gallery", bucket.url("a/b/"))
    folder = f"a/b/{one_pair(results)}"
    none, day = "no-cache", "public, max-age=86400"
    for key, kind, cache in (
        ("a/b/index.html", "text/html; charset=utf-8", none),
        ("a/b/data.js", "text/javascript; charset=utf-8", none),
        (f"{folder}/pair.js", "text/javascript; charset=utf-8", none),
        (f"{folder}/losses.csv", "text/csv; charset=utf-8", none),
        (f"{folder}/run.json", "application/json", none),
        (f"{folder}/large.webp", "image/webp", day),
        (f"{folder}/image.png", "image/png", day),
    ):
        found = bucket.head(key)
        assert (found["ContentType"], found["CacheControl"]) == (kind, cache), key


def test_only_what_changed_is_sent_and_the_page_comes_last(
    bucket: Bucket, results: Path, environment: pytest.MonkeyPatch
) -> None:
    done = order_of(environment)
    assert numbers(update(results, bucket.url())) == (len(local(results)), 0, 0)
    assert set(done) == local(results)
    assert done[-2:] == ["data.js", "index.html"]
    done.clear()
    assert numbers(update(results, bucket.url())) == (0, len(local(results)), 0)
    assert done == []
    changed = results / "gallery" / one_pair(results) / "large.webp"
    changed.unlink()  # it may be a hard link
    changed.write_bytes(b"stylized again")
    for name in ("index.html", "data.js"):
        path = results / "gallery" / name
        path.write_text(path.read_text() + " ")
    assert numbers(update(results, bucket.url())) == (3, len(local(results)) - 3, 0)
    assert done == [f"{one_pair(results)}/large.webp", "data.js", "index.html"]
    assert bucket.read(f"gallery/{one_pair(results)}/large.webp") == b"stylized again"


def test_what_is_gone_is_deleted_after_the_page_is_there_but_no_file_of_others(
    bucket: Bucket, results: Path, environment: pytest.MonkeyPatch
) -> None:
    for key in ("gallery/notes.txt", "gallery/pairs/0123456789abcdef/mine.png", "other/index.html"):
        bucket.put(key)
    update(results, bucket.url())
    gone = results / "gallery" / one_pair(results)
    names = {f"{one_pair(results)}/{path.name}" for path in gone.iterdir() if path.name != "made.json"}
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    (results / "gallery/data.js").write_text("gallery.data({});")
    done = order_of(environment)
    assert numbers(update(results, bucket.url())) == (1, len(local(results)) - 1, len(names))
    assert done[0] == "data.js"
    assert set(done[1:]) == {f"-{name}" for name in names}
    assert bucket.files() == local(results) | {SENT, "notes.txt", "pairs/0123456789abcdef/mine.png"}
    assert bucket.files("other/") == {"index.html"}


@pytest.mark.parametrize("target", ["s3", "file"])
def test_a_forged_list_deletes_nothing_but_files_of_a_gallery(
    bucket: Bucket, results: Path, tmp_path: Path, target: str
) -> None:
    there = Storage(bucket.url() if target == "s3" else f"file://{tmp_path}/www/gallery")
    for name in ("../mine.txt", "notes.txt"):
        there.write(name, b"mine", "text/plain", "no-cache")
    update(results, there.url)
    listed = json.loads(there.read(SENT) or b"")
    names = ["../mine.txt", "notes.txt", "pairs/0123456789abcdef/..", "pairs/../notes.txt", str(tmp_path), ""]
    listed["files"] |= dict.fromkeys(names, "0")
    there.write(SENT, json.dumps(listed).encode(), "application/json", "no-cache")
    assert update(results, there.url).deleted == 0
    assert [there.read(name) for name in ("../mine.txt", "notes.txt")] == [b"mine", b"mine"]


def test_with_a_broken_list_everything_is_sent_again(results: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/www"
    update(results, url)
    for content in (b"", b"{", b"[]", b"\xff", b"null", b'{"format": 1, "files": 3}', b"[" * 100_000):
        (tmp_path / "www" / SENT).write_bytes(content)
        assert numbers(update(results, url)) == (len(local(results)), 0, 0), content[:30]


def test_an_interrupted_one_shows_no_page_and_is_resumed(
    bucket: Bucket, results: Path, environment: pytest.MonkeyPatch
) -> None:
    send, broken = Storage.send, f"{one_pair(results)}/small.webp"

    def fail(self: Storage, source: Path, name: str, *headers: str) -> None:
        if name == broken:
            time.sleep(0.5)  # meanwhile the others are sent
            raise KeyboardInterrupt
        send(self, source, name, *headers)

    environment.setattr(Storage, "send", fail)
    with pytest.raises(KeyboardInterrupt):
        update(results, bucket.url())
    there = bucket.files() - {SENT}
    assert there
    assert not there & {broken, "index.html", "data.js"}
    environment.setattr(Storage, "send", send)
    made = update(results, bucket.url())
    assert 3 <= made.sent < len(local(results))
    assert bucket.files() == local(results) | {SENT}


def test_files_of_an_interrupted_one_are_deleted_too(
    bucket: Bucket, results: Path, environment: pytest.MonkeyPatch
) -> None:
    with environment.context() as patch:
        patch.setattr(Storage, "delete", lambda self, name: (_ for _ in ()).throw(NstError("lost")))
        update(results, bucket.url())
        (results / "gallery" / one_pair(results) / "small.webp").unlink()
        with pytest.raises(NstError, match="lost"):
            update(results, bucket.url())
    assert update(results, bucket.url()).deleted == 1
    assert bucket.files() == local(results) | {SENT}


def test_a_large_file_is_sent_in_parts(bucket: Bucket, results: Path, environment: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * (11 << 12)  # 11 MB
    (results / "gallery" / one_pair(results) / "animation.mp4").write_bytes(content)
    environment.setattr(storage, "_PART", 5 << 20)  # the least that S3 allows
    update(results, bucket.url())
    key = f"gallery/{one_pair(results)}/animation.mp4"
    assert bucket.head(key)["ETag"].strip('"').endswith("-3")
    assert bucket.head(key)["ContentType"] == "video/mp4"
    assert bucket.read(key) == content


def test_only_files_of_a_gallery_are_published(bucket: Bucket, results: Path) -> None:
    for name in ("secret.txt", ".git/config", f"{one_pair(results)}/.hidden"):
        path = results / "gallery" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("private")
    update(results, bucket.url())
    assert bucket.files() == local(results) - {"secret.txt", ".git/config", f"{one_pair(results)}/.hidden"} | {SENT}


def test_a_page_of_others_is_not_replaced(bucket: Bucket, results: Path) -> None:
    bucket.put("gallery/index.html")
    with pytest.raises(NstError, match=r"has an index\.html that nst did not publish; choose another folder"):
        update(results, bucket.url())
    assert bucket.files() == {"index.html"}


def test_it_may_be_a_local_folder(results: Path, tmp_path: Path) -> None:
    there = tmp_path / "www" / "my gallery"
    assert update(results, f"file://{there}").url == (there / "index.html").as_uri()
    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert names == local(results) | {SENT}
    (results / "gallery" / one_pair(results) / "large.webp").unlink()
    (there / one_pair(results) / "small.webp").unlink()  # by hand
    (results / "gallery" / one_pair(results) / "small.webp").unlink()
    assert numbers(update(results, f"file://{there}")) == (0, len(local(results)), 2)


def problem(results: Path, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints of an error: one line without secrets."""
    assert main(["publish", str(results), url]) == 1
    printed = capsys.readouterr()
    assert SECRET not in printed.err + printed.out
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_the_command_says_what_it_did_and_where(
    bucket: Bucket, results: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(results), bucket.url()]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"{len(local(results))} files sent (0.2 MB), 0 unchanged, 0 deleted"
    assert last == f"{server}/{bucket.name}/gallery/index.html"


def test_no_such_bucket(bucket: Bucket, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = problem(results, "s3://nowhere-at-all/gallery", capsys)
    assert message == "nst: s3://nowhere-at-all/gallery: there is no such bucket; create it, or check the URL"


def test_no_access(bucket: Bucket, results: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    user = boto3.client("iam", endpoint_url=server)
    user.create_user(UserName="reader")
    key = user.create_access_key(UserName="reader")["AccessKey"]
    for access, secret, code in (
        ("nobody", SECRET, "InvalidAccessKeyId"),
        (key["AccessKeyId"], SECRET, "SignatureDoesNotMatch"),
        (key["AccessKeyId"], key["SecretAccessKey"], "AccessDenied"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", access)
            patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
            requests.post(f"{server}/moto-api/reset-auth", data="0", timeout=10)  # from now on it checks credentials
            try:
                message = problem(results, bucket.url(), capsys)
            finally:
                requests.post(f"{server}/moto-api/reset-auth", data="inf", timeout=10)
        assert f"the server refuses access ({code}); check the credentials" in message
        assert key["SecretAccessKey"] not in message


def test_no_credentials(environment: pytest.MonkeyPatch, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    message = problem(results, "s3://bucket/gallery", capsys)
    assert "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message
    environment.setenv("AWS_ACCESS_KEY_ID", "half")
    assert "there are no credentials" in problem(results, "s3://bucket/gallery", capsys)


def test_no_gallery(bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        message = problem(folder, bucket.url(), capsys)
        assert message.startswith(f"nst: {folder}: has no gallery; `nst run` makes it")


def test_no_package(
    environment: pytest.MonkeyPatch, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delitem(_registry, "s3", raising=False)
    environment.setitem(sys.modules, "s3fs", None)
    message = problem(results, "s3://bucket/gallery", capsys)
    assert message == "nst: s3://bucket/gallery: needs the Python package s3fs; run `pip install s3fs`"
    assert main(["publish", str(results), f"file://{tmp_path}/www"]) == 0


def test_a_server_that_is_not_there(
    environment: pytest.MonkeyPatch, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("AWS_ENDPOINT_URL", CLOSED)
    began = time.monotonic()
    message = problem(results, "s3://bucket/gallery", capsys)
    assert "the server cannot be reached; check the URL in AWS_ENDPOINT_URL and the network" in message
    assert time.monotonic() - began < 30
    environment.setenv("AWS_ENDPOINT_URL", CLOSED.replace("//", f"//someone:{SECRET}@"))
    problem(results, "s3://bucket/gallery", capsys)


def test_a_server_that_never_answers(
    environment: pytest.MonkeyPatch, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    environment.setitem(storage._S3, "read_timeout", 1)
    environment.setitem(storage._S3, "retries", {"max_attempts": 1})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert "the server cannot be reached" in problem(results, "s3://bucket/gallery", capsys)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("out/gallery", "is no URL of a folder; give one such as s3://bucket/folder"),
        ("s3://", "is no URL of a folder"),
        ("nothing://bucket/folder", "Protocol not known: nothing"),
        ("s3://a bad name/folder", "this name of a bucket is not allowed"),
        ("file:///proc/nst/gallery", "cannot be written (No such file or directory)"),
        (f"s3://someone:{SECRET}@bucket/folder", "s3://***@bucket/folder: has credentials in it"),
        (f"https://someone:{SECRET}@127.0.0.1:9/folder?token={SECRET}", "has credentials in it"),
        ("https://127.0.0.1:9/folder", "cannot be written (Connect call failed"),
    ],
)
def test_a_url_that_does_not_work(
    bucket: Bucket, results: Path, capsys: pytest.CaptureFixture[str], url: str, words: str
) -> None:
    assert words in problem(results, url, capsys)


def test_a_file_that_is_deleted_meanwhile(
    bucket: Bucket, results: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    send = Storage.send

    def late(self: Storage, source: Path, *more: str) -> None:
        source.unlink(missing_ok=True)
        send(self, source, *more)

    damaged = results / "gallery" / one_pair(results) / "damaged.png"
    damaged.touch()
    with environment.context() as patch:
        patch.setattr(publishing, "sha256", lambda path: sha256(path if path != damaged else path / "gone"))
        assert "damaged.png: cannot be read (Not a directory); run the command again" in problem(
            results, bucket.url(), capsys
        )
    environment.setattr(Storage, "send", late)
    assert "was deleted while it was sent; run the command again" in problem(results, bucket.url(), capsys)
