"""What is shown of URLs: enough to tell images apart, and nothing that lets in."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from gridfiles import table
from nst.cli import main
from nst.errors import NstError
from nst.grid.inputs import local
from nst.grid.pairs import print_grid_csv, read_grid
from nst.io import urls
from nst.io.urls import redacted
from nst.summaries.records import content_picture

SIGNED = "https://b.s3.amazonaws.com/a.jpg?versionId=3&X-Amz-Credential=AKIA%2F1&X-Amz-Signature="


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@host.org:8080/a.jpg", "https://***@host.org:8080/a.jpg"),
        ("s3://key:secret@bucket/a.jpg", "s3://***@bucket/a.jpg"),
        (f"{SIGNED}abc", f"{SIGNED.partition('AKIA')[0]}***&X-Amz-Signature=***"),
        ("http://h/a.jpg?sv=2&sig=a%2Fb%3D&se=1#top", "http://h/a.jpg?sv=2&sig=***&se=1#top"),
        ("http://h/a.jpg?alt=media&token=1-2", "http://h/a.jpg?alt=media&token=***"),
        ("http://h/a.jpg?API_KEY=1&w=2", "http://h/a.jpg?API_KEY=***&w=2"),
        ("m.csv:2: content: http://u:p@h/a b: no", "m.csv:2: content: http://***@h/a b: no"),
        ("http://h/a@2x.jpg?size=2&design=3&key=cat", "http://h/a@2x.jpg?size=2&design=3&key=cat"),
        ("me@host.org?token=1", "me@host.org?token=1"),
    ],
)
def test_what_is_shown(url, shown):
    assert redacted(url) == redacted(shown) == shown


def test_a_url_that_was_signed_again_is_the_same_picture():
    assert local(f"{SIGNED}abc", "results") == local(f"{SIGNED}def", "results") == local(redacted(SIGNED), "results")
    assert local("http://h/a.jpg?v=1", "results") != local("http://h/a.jpg?v=2", "results")


def test_what_is_hidden_is_known_to_the_commands_that_are_started(monkeypatch):
    monkeypatch.setattr("os.environ", {})
    urls.pass_secrets(f"{SIGNED}abc")
    assert urls.unredacted(redacted(f"{SIGNED}abc")) == f"{SIGNED}abc"
    assert urls.unredacted("http://h/other.jpg") == "http://h/other.jpg"


def test_grid_csv_has_no_signature_and_still_finds_its_copies(tmp_path):
    style = "http://me:pass@h/s.jpg"
    manifest = table(f"content,style,style_mask\n{SIGNED}abc,{style},{style}?mask\n", str(tmp_path / "m.csv"))
    pairs = read_grid(manifest)
    out = io.StringIO()
    print_grid_csv(pairs, out, "results", "png")
    assert "abc" not in out.getvalue()
    assert "pass" not in out.getvalue()
    line = pd.read_csv(io.StringIO(out.getvalue()), dtype=str).assign(content_file="").to_dict("records")[0]
    assert content_picture(line) == pairs[0].with_local_pictures("results").content


def test_one_picture_with_two_signatures_is_refused(tmp_path, capsys):
    manifest = table(f"content,style\n{SIGNED}abc|{SIGNED}def,http://h/s.jpg\n", str(tmp_path / "m.csv"))
    with pytest.raises(
        NstError, match=r"Signature=\*\*\* appears with two different passwords, tokens or signatures; use one of them"
    ):
        read_grid(manifest)
    table("content,style,size\nhttp://h/a.jpg,http://h/b.jpg,http://me:pass@h\n", manifest)
    assert main(["grid", manifest]) == 1
    assert "size: 'http://***@h' is not allowed" in capsys.readouterr().err
