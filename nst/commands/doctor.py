"""`nst doctor`: check this machine."""

from __future__ import annotations

import importlib.metadata
import os
import shutil

import click

from nst import weights
from nst.errors import NstError
from nst.grid import shipped
from nst.kernels import available
from nst.machine import gpus, runtime
from nst.settings import WIDTHS


@click.command()
def command() -> None:
    """Check this machine: torch, GPUs, kernels, weights, Snakemake and Slurm."""
    import torch

    try:
        device, problem = runtime.torch_device("auto"), ""
    except NstError as error:
        device, problem = torch.device("cpu"), str(error)
    dtype = "bf16" if runtime.compute_type("auto", device) == torch.bfloat16 else "fp32"
    _line("torch", f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    _line("device", problem or f"{device.type} ({runtime.name(device)}); precision auto is {dtype}")
    found = gpus.available()
    _line("GPUs", ", ".join(found) or "none found; images are stylized on the CPU")
    if device.type == "cuda":
        without = "not available, torch's operations are used; they require bf16 units, Triton and a C compiler"
        _line("kernels", "Triton kernels of nst" if available.kernels_for(device) else without)
    for network in WIDTHS:
        _line(network, _weights(network))
    _line(
        "snakemake",
        _version("snakemake") or f"not installed; to run grids, `{shipped.installer('workflow')}`",
    )
    slurm = "found" if shutil.which("sbatch") else "sbatch not found; grids run on this machine"
    _line("slurm", slurm)


def _line(name: str, found: str) -> None:
    click.echo(f"{name:<10} {found}")


def _weights(network: str) -> str:
    try:
        path = weights.find(network)
    except NstError as error:
        return str(error)
    return f"weights {path}" if path.is_file() else weights.missing(network, path)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
