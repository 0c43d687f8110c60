"""Uploads are decoded in the tests' process, which saves the start of one for each of hundreds of images."""

from __future__ import annotations

import pytest

from nst.studio import decoding

#: Modules that test the decoding process itself.
WITH_PROCESSES = ("test_decoding", "test_uploads")


@pytest.fixture(autouse=True)
def decode_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.module.__name__.endswith(WITH_PROCESSES):
        monkeypatch.setattr(decoding, "_run", lambda arguments: decoding._answer(*arguments))
