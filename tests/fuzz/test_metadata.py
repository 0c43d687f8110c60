"""What images carry, damaged and forged: `nst reproduce` refuses it, or shows it, within bounds."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from bounded import bounded
from mutation import altered, damaged
from nst.commands.reproduce import _moved, _shown
from nst.errors import printable
from nst.images import picture_size, read_metadata, write_picture
from nst.images.metadata import metadata_text, png_text
from nst.pair import trust
from nst.pair.origin import origin
from nst.settings import defaults, make

PNG = BytesIO()
Image.new("RGB", (6, 4)).save(PNG, "PNG")
DIGEST = hashlib.sha256(PNG.getvalue()).hexdigest()
RECORD = {
    "id": "a/b/c",
    "nst": "0.1",
    "algorithm": 11,
    "content": {"path": "a.png", "sha256": DIGEST},
    "style": [{"path": "a.png", "sha256": DIGEST, "weight": 0.5}, {"path": "b.png", "sha256": DIGEST, "weight": 0.5}],
    "pictures": [{"path": "a.png", "sha256": DIGEST}],
    "settings": {**defaults().model_dump(mode="json"), "init": "a.png", "size": 32},
    "weights": {"network": "vgg19", "source": "", "sha256": DIGEST},
    "iteration": 3,
}
SUFFIXES = (".png", ".jpg", ".tif", ".webp")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).write_bytes(PNG.getvalue())
    return tmp_path


def read(image: str) -> None:
    """All of `nst reproduce` but the stylization: the shown text, and the checks of every file."""
    made = origin(image, read_metadata(image))
    assert printable("\n".join(_shown(made))).replace("\n", "").isprintable()
    chosen = make(made.settings, image)
    inputs = trust.inputs(made, _moved(image, made, None, ()), chosen, set())
    trust.check_trusted(image, inputs)
    trust.check_unchanged(image, made, inputs)
    trust.check_costs(image, chosen, picture_size(made.content.path), "cpu", len(made.styles))


@given(record=altered(RECORD))
@example(record=RECORD | {"style": []})
@example(record=RECORD | {"weights": None})
@example(record=RECORD | {"content": {"path": "x" * 300, "sha256": DIGEST}})
@example(record=RECORD | {"content": {"path": "/proc/self/pagemap", "sha256": DIGEST}})
@example(record=RECORD | {"content": {"path": "a\0", "sha256": ""}})
@example(record=RECORD | {"settings": RECORD["settings"] | {"iterations": 10**6, "size": 16384}})
def test_forged_records(here, record):
    Image.new("RGB", (4, 4)).save("forged.png", pnginfo=png_text(json.dumps({"nst": record})))
    bounded(read, "forged.png")


@given(suffix=st.sampled_from(SUFFIXES), data=st.data())
def test_damaged_images(here, suffix, data):
    write_picture(Path(f"whole{suffix}"), np.zeros((4, 6, 3), np.float32), metadata=RECORD)
    Path(f"cut{suffix}").write_bytes(data.draw(damaged(Path(f"whole{suffix}").read_bytes())))
    bounded(read, f"cut{suffix}")


@given(text=st.text(max_size=300) | altered(json.loads(metadata_text(RECORD))).map(json.dumps))
@example(text="nst:zlib:")
@example(text="[" * 100_000)
@example(text='{"nst": ' + "9" * 100_000 + "}")
def test_texts_of_others(here, text):
    import tifffile

    text = text.encode("ascii", "replace").decode()
    tifffile.imwrite("a.tif", np.zeros((4, 4, 3), np.uint8), description=text, metadata=None)
    bounded(read, "a.tif")


def test_the_record_is_one_that_is_accepted(here):
    """So that what is tried above gets as far as the files and the costs."""
    Image.new("RGB", (4, 4)).save("forged.png", pnginfo=png_text(json.dumps({"nst": RECORD})))
    assert bounded(read, "forged.png").error == ""
    Image.new("RGB", (4, 4)).save("b.png")
    assert bounded(read, "forged.png").error == (
        "forged.png: its style b.png has changed since: the SHA-256 differs; name the original with --style FILE, "
        "or run nst stylize to use another image"
    )
