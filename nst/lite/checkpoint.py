"""The checkpoint folder of a training: state, weights and log."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from nst.errors import NstError, reason_of
from nst.io.files import replacing
from nst.settings import LITE_LAYERS

if TYPE_CHECKING:
    from nst.lite.training import Training

_ERRORS = [f"{kind}:{layer}" for layer in LITE_LAYERS for kind in ("gram", "feature")]
COLUMNS = ["step", "seconds", "side", *_ERRORS, "gradient"]


def save(training: Training, folder: Path, seconds: float) -> None:
    """Write the state to `checkpoint.pt`, and the averaged weights in float16 to `lite.safetensors`.

    seconds: of training so far, in all runs.
    """
    state = {
        "student": training.student.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in training.optimizers],
        "average": training.average,
        "step": training.step,
        "seconds": seconds,
        "scales": training.scales,
    }
    with replacing(folder / "checkpoint.pt") as path:
        torch.save(state, path)
    with replacing(folder / "lite.safetensors") as path:
        save_file({name: value.half().cpu() for name, value in training.exported().items()}, path)


def restore(training: Training, folder: Path) -> None:
    """Restore the state from `checkpoint.pt`, if the file exists.

    Raises NstError where it is unreadable, or from a network with other widths.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        return
    try:
        state = torch.load(path, weights_only=True, map_location=training.device)
        training.student.load_state_dict(state["student"])
        for optimizer, saved in zip(training.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        training.average, training.scales = state["average"], state["scales"]
        training.step, training.seconds = state["step"], state["seconds"]
    except Exception as error:  # the unpickler raises any type of exception
        raise NstError(
            f"{path}: is no checkpoint of this version of the network ({reason_of(error)}); give another folder as "
            "--work, and this folder's lite.safetensors as --start"
        ) from None


def log(folder: Path, step: int, seconds: float, side: int, errors: dict[str, float]) -> None:
    """Append a line to `log.csv`. errors: means since the last line, by column."""
    with (folder / "log.csv").open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        means = {name: f"{value:.4g}" for name, value in errors.items()}
        writer.writerow({"step": step, "seconds": f"{seconds:.1f}", "side": side} | means)
