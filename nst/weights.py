"""Where trained weights come from: the installation, a file or folder of the user, or torchvision's server."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import requests

from nst import oxford
from nst.errors import NstError
from nst.fetching import Progress, download
from nst.files import is_file, is_regular, sha256
from nst.waiting import announced

if TYPE_CHECKING:
    from torch import Tensor

#: The weights that are part of this package.
EMBEDDED = {"lite": Path(__file__).parent / "lite" / "lite.safetensors"}

#: torchvision's ImageNet weights; the last eight digits of a name begin the file's SHA-256.
TORCHVISION = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}


#: Bytes of a file of weights; VGG-19's has 574,673,361.
MOST_BYTES = 4_000_000_000


def find(network: str, weights: str = "auto") -> Path:
    """The file of a network's weights, or the place where `fetch` puts it.

    `auto` is the first `<network>*.safetensors` or `<network>*.pth` of the folder NST_WEIGHTS_DIR, where that is set,
    and otherwise what the network comes with: lite's embedded file, VGG-19's `oxford`, VGG-16's `torchvision`. Raises
    NstError where a named file or folder, or the installed weights, are missing.
    """
    if weights == "auto":
        folder = os.environ.get("NST_WEIGHTS_DIR")
        if folder and network not in EMBEDDED:
            return _in_folder(Path(folder).expanduser(), network)
        weights = _source(network)
    if weights == "embedded":
        return EMBEDDED[network]
    if weights == "oxford":
        return oxford.installed()
    if weights == "torchvision":
        return cache() / f"{network}-torchvision.pth"
    path = Path(weights).expanduser()
    if not is_regular(path):
        raise NstError(
            f"{weights}: there is no such file of weights, or it is empty; give a state dict (.pth, .safetensors), "
            "auto, oxford or torchvision"
        )
    return path


def _source(network: str) -> str:
    """What `auto` stands for without a folder of the user's."""
    return "embedded" if network in EMBEDDED else "oxford" if network == "vgg19" else "torchvision"


def downloaded(network: str, weights: str = "auto") -> bool:
    """Whether the weights are fetched from torchvision's server, unless NST_WEIGHTS_DIR has them."""
    return weights == "torchvision" or (weights == "auto" and _source(network) == "torchvision")


def _in_folder(folder: Path, network: str) -> Path:
    for pattern in (f"{network}*.safetensors", f"{network}*.pth"):
        if found := sorted(folder.glob(pattern)):
            return found[0]
    raise NstError(
        f"{folder} (NST_WEIGHTS_DIR) has no {network}*.safetensors or {network}*.pth; put the weights there, or unset "
        "NST_WEIGHTS_DIR"
    )


def cache() -> Path:
    """The folder of fetched and converted weights: NST_CACHE, else the user's cache directory."""
    chosen = os.environ.get("NST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen).expanduser() if chosen else Path(base).expanduser() / "nst"


def load(network: str, weights: str = "auto") -> tuple[dict[str, Tensor], str, str]:
    """The tensors of a network's convolutions, the source that they are from and the SHA-256 of its file.

    Raises NstError where the file is missing (with the way to get it), not the published one whose name it has,
    unreadable, or no state dict.
    """
    path = find(network, weights)
    if not is_file(path):
        raise NstError(missing(network, path))
    found = path.stat()
    if found.st_size > MOST_BYTES:
        raise NstError(f"{path}: has {found.st_size:,} bytes; weights have at most {MOST_BYTES:,}")
    with _reading:  # requests at the same time share one copy of the tensors
        return _known(path.resolve(), found.st_mtime_ns, found.st_size, published(path))


def missing(network: str, path: Path) -> str:
    """One message: what to download, where to put it, and what needs no download."""
    return (
        f"no weights for {network}: run `nst weights {network}` where there is internet, or download "
        f"{TORCHVISION[network]} to {path}, or name a folder that holds {network}*.pth in NST_WEIGHTS_DIR; or use "
        "--network vgg19 with --weights oxford, which need no download"
    )


_reading = threading.Lock()


@lru_cache(maxsize=3)
def _known(path: Path, changed: int, size: int, expected: str) -> tuple[dict[str, Tensor], str, str]:
    """The tensors, source and SHA-256 of a file as it is now: a worker reads it once for all its images.

    expected: what the SHA-256 must begin with.
    """
    if path.name == Path(oxford.FILE).name:
        state, digest = oxford.load(path, cache())
        return state, oxford.SOURCE, digest
    with path.open("rb") as file:  # one file for both, also where another takes its name meanwhile
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(expected):
            raise NstError(
                f"{path}: its SHA-256 begins with {digest[:8]}, that of the published weights with {expected}; remove "
                "the file, or run `nst weights`, which replaces it in the cache"
            )
        file.seek(0)
        state = _read(path, file)
        found = os.fstat(file.fileno())
    if (found.st_mtime_ns, found.st_size) != (changed, size):
        raise NstError(f"{path}: was changed while it was read; try again when it is whole")
    return state, str(path), digest


def _read(path: Path, file: BinaryIO) -> dict[str, Tensor]:
    """The tensors of an open file, copied: of a mapped file that is cut later, a look would end the process."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load as tensors_of

            state = tensors_of(file.read())
        else:
            _check_archive(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no pickle makes the unpickler fail in any way
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise NstError(f"{path}: cannot be read as weights ({reason}); expected a state dict") from None
    if not isinstance(state, dict) or not any(str(key).startswith("features.") for key in state):
        raise NstError(f"{path}: is no state dict with keys features.N.weight and features.N.bias")
    state = {key: value for key, value in state.items() if str(key).startswith(("features.", "maps."))}
    for key, value in state.items():
        if problem := _problem(value):
            raise NstError(f"{path}: {key} {problem}; expected a dense floating-point tensor of trained values")
    return state


def _check_archive(file: BinaryIO) -> None:
    """Raise ValueError for an archive of more bytes than its file has, packed or shared: torch's have none such."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > os.fstat(file.fileno()).st_size:
            raise ValueError(f"an archive that unpacks to {size:,} bytes")
    file.seek(0)


def _problem(value: object) -> str:
    """Why a value is no trained tensor: with zeros or overflown numbers an image would stay as it is, or be black."""
    import torch

    if not isinstance(value, torch.Tensor):
        return f"is no tensor, but {type(value).__name__}"
    if value.layout != torch.strided or not value.is_floating_point() or value.device.type != "cpu":
        return f"is of the kind {value.dtype}, {value.layout}, {value.device}".replace("torch.", "")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # 4 bytes may stand for terabytes
        return "repeats its numbers"
    if not value.isfinite().all():
        return "has values that are not finite"
    return "has only zeros" if value.dim() > 1 and not value.any() else ""


def published(path: Path) -> str:
    """What the SHA-256 of a file must begin with that torchvision published, by its name; '' for any other file."""
    for network, source in TORCHVISION.items():
        if path.name == Path(source).name or path == cache() / f"{network}-torchvision.pth":
            return _digits(source)
    return ""


def _digits(source: str) -> str:
    return Path(source).stem.rpartition("-")[2]


def fetch(network: str, destination: Path, progress: Progress | None = None, source: str | None = None) -> Path:
    """Download torchvision's weights to a file; resumes where an earlier try stopped; does nothing if they are there.

    The name of the published file ends in the first digits of its SHA-256: a file that has another one is replaced, and
    what arrives is checked before it gets the name. One process downloads, others wait for it. Raises NstError where
    the network or the check fails; what has arrived is kept as `<name>.part`.
    """
    source = source or TORCHVISION[network]
    expected = _digits(source)
    if _is_whole(destination, expected):
        return destination
    from filelock import FileLock

    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(destination.with_name(f".{destination.name}.lock"))
        with announced(f"another nst process that fetches {destination}"):
            held = lock.acquire()
        with held:
            if not _is_whole(destination, expected):  # the other has not fetched it
                _download(source, destination, expected, progress)
    except (requests.RequestException, OSError) as error:
        reason = type(error).__name__ if isinstance(error, requests.RequestException) else str(error)
        raise NstError(f"{source} could not be fetched ({reason}); {missing(network, destination)}") from None
    return destination


def _is_whole(path: Path, expected: str) -> bool:
    return path.is_file() and sha256(path).startswith(expected)


def _download(source: str, destination: Path, expected: str, progress: Progress | None) -> None:
    part = destination.with_name(destination.name + ".part")
    download(source, part, progress)
    if not _is_whole(part, expected):
        part.unlink()
        raise NstError(f"{source}: what arrived has another SHA-256 than {expected}…; it was removed, try again")
    part.replace(destination)
