"""The file of a network that was trained on a pair (`method: network`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.engine.transformation import Transformation
from nst.errors import NstError
from nst.io.files import is_file, replacing


def save(parameters: Mapping[str, Tensor], path: Path) -> None:
    """Write trained parameters, which `load` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in parameters.items()}, temporary)


def load(path: str | Path) -> Transformation:
    """A trained network; raises NstError for a file that holds none."""
    network = Transformation()
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError):
        what = "holds no network of `method: network`" if is_file(path) else "there is no such file"
        raise NstError(f"{path}: {what}; give the snapshots/network.safetensors of a pair") from None
    return network.requires_grad_(False)
