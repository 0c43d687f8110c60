"""Files of weights, damaged and made up: read as tensors or refused, within bounds. Nothing in them is executed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import save

from bounded import bounded
from mutation import JSON_VALUES, altered, damaged
from nst import weights

STATE = {"features.0.weight": torch.ones(4, 3, 3, 3), "features.0.bias": torch.zeros(4)}


def _saved(state: object, **how: object) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, **how)
    return file.getvalue()


def _again(data: bytes, compression: int, times: int = 1) -> bytes:
    """An archive of a state dict, written by another program."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(file, "w", compression) as other:
        for entry in whole.infolist():
            for _ in range(times if entry.filename.endswith("data/0") else 1):
                other.writestr(entry.filename, whole.read(entry))
    return file.getvalue()


SEEDS = {
    ".pth": [_saved(STATE), _saved(STATE, _use_new_zipfile_serialization=False), pickle.dumps(OrderedDict(a=1))],
    ".safetensors": [save(STATE)],
}
HEADER = {"features.0.weight": {"dtype": "F32", "shape": [4, 3, 3, 3], "data_offsets": [0, 432]}}


def load(path: Path) -> None:
    torch.set_num_threads(1)
    weights.load("vgg19", str(path))


def tried(folder: Path, suffix: str, data: bytes) -> str:
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    return bounded(load, path).error


def test_the_seeds_are_read(tmp_path):
    for suffix, seeds in SEEDS.items():
        assert [tried(tmp_path, suffix, seed) for seed in seeds[:2]] == [""] * len(seeds[:2])


@given(suffix=st.sampled_from(sorted(SEEDS)), data=st.data())
def test_damaged_files(tmp_path, suffix, data):
    seed = data.draw(st.sampled_from(SEEDS[suffix]))
    tried(tmp_path, suffix, data.draw(damaged(seed)))


@given(header=altered(HEADER) | JSON_VALUES, size=st.integers(0, 500))
@example(header={"features.0.weight": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**64 - 1]}}, size=0)
@example(header={"features.0.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, size=0)
@example(header={"features.0.weight": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, size=4)
def test_made_up_headers(tmp_path, header, size):
    text = json.dumps(header).encode()
    tried(tmp_path, ".safetensors", struct.pack("<Q", len(text)) + text + bytes(size))


@given(value=JSON_VALUES, key=st.sampled_from(["features.0.weight", "maps.conv1_1", "other", ""]))
def test_state_dicts_of_anything(tmp_path, value, key):
    tried(tmp_path, ".pth", _saved({"features.0.weight": torch.ones(1), key: value} if key else value))


@given(
    kind=st.sampled_from([torch.int8, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float64, torch.bfloat16]),
    shape=st.lists(st.integers(0, 3), max_size=5),
    layout=st.sampled_from(["strided", "sparse", "expanded", "meta"]),
)
@example(kind=torch.float32, shape=[], layout="expanded")
@example(kind=torch.float32, shape=[1], layout="meta")
def test_tensors_of_every_kind(tmp_path, kind, shape, layout):
    tensor = torch.zeros(shape, device="meta" if layout == "meta" else "cpu").to(kind)
    if layout == "sparse":
        tensor = torch.zeros(shape).to_sparse() if shape else tensor
    if layout == "expanded":
        tensor = torch.ones(1).expand(2**40)  # 4 bytes that stand for 4 TB
    tried(tmp_path, ".pth", _saved({"features.0.weight": tensor}))


def test_archives_of_others(tmp_path):
    large = _saved({"features.0.weight": torch.ones(1 << 22)})
    assert "an archive that unpacks to" in tried(tmp_path, ".pth", _again(large, zipfile.ZIP_DEFLATED))
    assert tried(tmp_path, ".pth", _again(SEEDS[".pth"][0], zipfile.ZIP_STORED)) == ""


def test_a_pickle_that_asks_for_memory(tmp_path):
    """`bytearray(10 ** 10)`: the unpickler of torch allows the name."""
    program = b"\x80\x02cbuiltins\nbytearray\n(L10000000000L\ntR."
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SEEDS[".pth"][0])) as whole, zipfile.ZipFile(file, "w") as other:
        for entry in whole.infolist():
            other.writestr(entry, program if entry.filename.endswith("data.pkl") else whole.read(entry))
    assert tried(tmp_path, ".pth", file.getvalue())
