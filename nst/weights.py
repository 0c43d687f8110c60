"""Loading of the networks' trained weights. Finding and downloading the files is in `nst.io.weight_files`."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nst.errors import NstError, reason_of
from nst.io.files import is_file
from nst.io.weight_files import OXFORD_FILE, cache, downloaded, fetch, find, missing, published
from nst.networks import oxford

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cache", "downloaded", "fetch", "find", "load", "missing", "published"]

#: Largest file that is read, in bytes; VGG-19's has 574,673,361.
MAX_BYTES = 4_000_000_000

_reading = threading.Lock()


def load(network: str, weights: str = "auto") -> tuple[dict[str, Tensor], str, str]:
    """The tensors of a network's convolutions, their source, and the SHA-256 of their file.

    Raises NstError where the file is missing (the message says how to get it), has the name of a published file but
    another SHA-256, is unreadable, or is no state dict.
    """
    path = find(network, weights)
    if not is_file(path):
        raise NstError(missing(network, path))
    file = path.stat()
    if file.st_size > MAX_BYTES:
        raise NstError(f"{path}: has {file.st_size:,} bytes; weights have at most {MAX_BYTES:,}")
    try:
        with _reading:  # concurrent requests share one copy of the tensors
            return _load_cached(path.resolve(), file.st_mtime_ns, file.st_size, published(path))
    except OSError as error:
        raise NstError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from error


@lru_cache(maxsize=3)
def _load_cached(path: Path, changed: int, size: int, expected: str) -> tuple[dict[str, Tensor], str, str]:
    """The tensors, source and SHA-256 of a file; cached, so that a worker reads it once for all its images.

    Args:
        changed, size: modification time in ns and bytes of the file, so that a changed file is read again.
        expected: the first digits of the SHA-256; '' for any.
    """
    if path.name == Path(OXFORD_FILE).name:
        state, digest = oxford.load(path, cache())
        return state, oxford.SOURCE, digest
    with path.open("rb") as file:  # hashed and read through one handle, in case the file is replaced
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(expected):
            raise NstError(
                f"{path}: its SHA-256 begins with {digest[:8]}, that of the published weights with {expected}; remove "
                "the file, or run `nst weights`, which replaces it in the cache"
            )
        file.seek(0)
        state = _read(path, file)
        after = os.fstat(file.fileno())
    if (after.st_mtime_ns, after.st_size) != (changed, size):
        raise NstError(f"{path}: was changed while it was read; try again when it is complete")
    return state, str(path), digest


def _read(path: Path, file: BinaryIO) -> dict[str, Tensor]:
    """The tensors of an open file. They are copied to memory: truncating a mapped file would kill the process."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load as tensors_of

            state = tensors_of(file.read())
        else:
            _check_archive(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises any type of exception
        raise NstError(f"{path}: cannot be read as weights ({reason_of(error)}); expected a state dict") from None
    if not isinstance(state, dict) or not any(str(key).startswith("features.") for key in state):
        raise NstError(f"{path}: is no state dict with keys features.N.weight and features.N.bias")
    state = {key: value for key, value in state.items() if str(key).startswith(("features.", "maps."))}
    for key, value in state.items():
        if problem := _problem(value):
            raise NstError(f"{path}: {key} {problem}; expected a dense floating-point tensor of trained values")
    return state


def _check_archive(file: BinaryIO) -> None:
    """Raise ValueError for an archive that unpacks to more bytes than its file has: torch stores entries unpacked."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > os.fstat(file.fileno()).st_size:
            raise ValueError(f"an archive that unpacks to {size:,} bytes")
    file.seek(0)


def _problem(value: object) -> str:
    """What is wrong with a value as a trained tensor; '' if nothing.

    With zeros or infinities the optimization would leave the image unchanged, or black.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        return f"is no tensor, but {type(value).__name__}"
    if value.layout != torch.strided or not value.is_floating_point() or value.device.type != "cpu":
        return f"is of the kind {value.dtype}, {value.layout}, {value.device}".replace("torch.", "")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # 4 bytes could expand to terabytes
        return "repeats its numbers"
    if not value.isfinite().all():
        return "has values that are not finite"
    return "has only zeros" if value.dim() > 1 and not value.any() else ""
