"""`nst apply`: run a network that `method: network` has trained on another picture."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import device_option, output_option
from nst.commands.outputs import check_outputs, force_option
from nst.commands.stylize import checked_suffix


@click.command()
@click.argument("network")
@click.argument("picture")
@output_option
@force_option
@click.option("--size", type=click.IntRange(0, 16384), default=0, help="long side in px; 0 keeps the picture's")
@device_option
def command(network: str, picture: str, output: Path, force: bool, size: int, device: str) -> None:
    """Stylize PICTURE with NETWORK, a pair's snapshots/network.safetensors: one pass, no optimization."""
    checked_suffix(output)
    check_outputs([output], [network, picture], force=force)
    from nst.engine.transformation import apply
    from nst.images import read_picture, write_picture
    from nst.machine import runtime
    from nst.pair.network_file import load

    trained = load(network)
    given = read_picture(picture, long_side=size)
    stylized = apply(trained, given.pixels, runtime.torch_device(device))
    write_picture(output, stylized, alpha=given.alpha, metadata={"network": network, "content": picture})
    click.echo(f"{output}: {stylized.shape[1]}×{stylized.shape[0]} px")
