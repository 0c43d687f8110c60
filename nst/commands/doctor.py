"""`nst doctor`: check this machine."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import click

from nst.errors import NstError
from nst.grid import shipped
from nst.kernels import available
from nst.machine import about, gpus, runtime
from nst.settings import WIDTHS

#: Optional packages besides those of the workflow: what is imported of each, and what it is for.
_EXTRAS = {
    "faces": ("cv2", "`protect: faces`"),
    "metrics": ("plenoptic", "the metric portilla_simoncelli"),
    "s3": ("s3fs", "`nst publish` to s3"),
    "studio": ("flask", "`nst studio`"),
}


@click.command()
def command() -> None:
    """Check this machine: torch, GPUs, kernels, weights, Snakemake, Slurm and optional packages."""
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
        _line(network, about.weights(network))
    _line(
        "snakemake",
        about.version("snakemake") or f"not installed; to run grids, `{shipped.installer('workflow')}`",
    )
    slurm = "found" if shutil.which("sbatch") else "sbatch not found; grids run on this machine"
    _line("slurm", slurm)
    for extra, (module, purpose) in _EXTRAS.items():
        absent = f"not installed; for {purpose}, `{shipped.installer(extra)}`"
        _line(extra, "installed" if find_spec(module) else absent)


def _line(name: str, found: str) -> None:
    click.echo(f"{name:<10} {found}")
