"""Where trained weights come from: the package, a file or folder of the user, or torchvision, fetched once."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from nst.errors import NstError
from nst.fetching import Progress, download
from nst.files import sha256

if TYPE_CHECKING:
    from torch import Tensor

#: The weights that come with the package.
EMBEDDED = {"lite": Path(__file__).parent / "lite" / "lite.safetensors"}


def find(network: str, weights: str = "imagenet") -> Path:
    """The file of weights for a network, or the place where `fetch` puts it.

    `imagenet` is the embedded file of lite; else the first `<network>*.safetensors` or `<network>*.pth` of the folder
    NST_WEIGHTS_DIR, where that is set, and otherwise torchvision's file in the cache. Raises NstError where a named
    file or folder is not there.
    """
    if weights != "imagenet":
        path = Path(weights).expanduser()
        if not path.is_file():
            raise NstError(f"{weights}: no such file of weights; give a state dict (.pth, .safetensors) or imagenet")
        return path
    if network in EMBEDDED:
        return EMBEDDED[network]
    folder = os.environ.get("NST_WEIGHTS_DIR")
    return _in_folder(Path(folder).expanduser(), network) if folder else cache() / f"{network}-imagenet.pth"


def _in_folder(folder: Path, network: str) -> Path:
    for pattern in (f"{network}*.safetensors", f"{network}*.pth"):
        if found := sorted(folder.glob(pattern)):
            return found[0]
    raise NstError(f"{folder} (NST_WEIGHTS_DIR) has no {network}*.safetensors or {network}*.pth; put the weights there")


def cache() -> Path:
    """The folder of fetched weights: NST_CACHE, else the user's cache directory."""
    chosen = os.environ.get("NST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen).expanduser() if chosen else Path(base).expanduser() / "nst"


def load(network: str, weights: str = "imagenet") -> tuple[dict[str, Tensor], str, str]:
    """The tensors of a network's convolutions, the file that they are from and its sha256.

    Raises NstError where the file is missing (with the way to get it), unreadable, or no state dict.
    """
    path = find(network, weights)
    if not path.is_file():
        raise NstError(missing(network, path))
    found = path.stat()
    with _reading:  # whoever asks at the same time gets the same tensors
        state, digest = _known(path.resolve(), found.st_mtime_ns, found.st_size)
    return state, str(path), digest


def missing(network: str, path: Path) -> str:
    """One sentence: what to download, where to put it, and what needs no download."""
    return (
        f"no weights for {network}: run `nst weights {network}` where there is internet, or download {url(network)} "
        f"to {path}, or name a folder that holds {network}*.pth in NST_WEIGHTS_DIR; or take the embedded network, "
        "which needs nothing: --network lite"
    )


_reading = threading.Lock()


@lru_cache(maxsize=3)
def _known(path: Path, changed: int, size: int) -> tuple[dict[str, Tensor], str]:
    """The tensors and the sha256 of a file as it is now: a worker reads it once for all its pictures."""
    return _read(path), sha256(path)


def _read(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except Exception as error:  # a file that is no pickle makes the unpickler fail in any way
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise NstError(f"{path}: cannot be read as weights ({reason}); expected a state dict") from None
    if not isinstance(state, dict) or not any(str(key).startswith("features.") for key in state):
        raise NstError(f"{path}: is no state dict with keys features.N.weight and features.N.bias")
    return {key: value for key, value in state.items() if str(key).startswith(("features.", "maps."))}


def _is_zip(path: Path) -> bool:
    """Only torch's newer file format can be mapped, so that a 548 MB file costs only what is used of it."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def url(network: str) -> str:
    """Where torchvision publishes its ImageNet weights of a network."""
    from torchvision import models

    return str(getattr(models, f"{network.upper()}_Weights").IMAGENET1K_V1.url)


def fetch(network: str, destination: Path, progress: Progress | None = None, source: str | None = None) -> Path:
    """Download torchvision's weights to a file; goes on where an earlier try stopped; does nothing if it is there.

    The name of the published file ends in the first digits of its sha256, which are checked before the file gets its
    name. Raises NstError where the network or the check fails; what has arrived is kept as `<name>.part`.
    """
    if destination.is_file():
        return destination
    source = source or url(network)
    part = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        download(source, part, progress)
    except (requests.RequestException, OSError) as error:
        reason = type(error).__name__ if isinstance(error, requests.RequestException) else str(error)
        raise NstError(f"{source} could not be fetched ({reason}); {missing(network, destination)}") from None
    expected = Path(source).stem.rpartition("-")[2]
    if not sha256(part).startswith(expected):
        part.unlink()
        raise NstError(f"{source}: what arrived has another sha256 than {expected}…; it was removed, try again")
    part.replace(destination)
    return destination
