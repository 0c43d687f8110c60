"""`nst apply`: stylize an image with a network that `parameters: network` trained."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.completion import FILE
from nst.commands.options import PATH, device_option
from nst.commands.outputs import check_outputs, force_option
from nst.settings.values import LARGEST_SIDE


@click.command()
@click.argument("network", type=FILE)
@click.argument("image", type=FILE)
@click.option("-o", "--output", metavar="FILE", required=True, type=PATH, help="Image to write (png, jpg, tif, webp).")
@force_option
@click.option(
    "--size",
    type=click.IntRange(0, LARGEST_SIDE),
    default=0,
    help="Long side, in pixels; 0 keeps the size of IMAGE.",
)
@device_option
def command(network: str, image: str, output: Path, force: bool, size: int, device: str) -> None:
    """Stylize IMAGE with NETWORK, the snapshots/network.safetensors of a pair.

    This is one forward pass, without optimization.
    """
    from nst.pair.outputs import check_suffix

    check_suffix(output)
    check_outputs([output], [network, image], force=force)
    from nst.engine.transformation import apply
    from nst.images import filled, read_picture, write_picture
    from nst.machine import runtime
    from nst.pair.network_file import load

    trained = load(network)
    given = read_picture(image, long_side=size)
    stylized = apply(trained, filled(given.pixels, given.alpha), runtime.torch_device(device))
    write_picture(output, stylized, alpha=given.alpha, metadata={"network": network, "content": image})
    click.echo(f"{output}: {stylized.shape[1]}×{stylized.shape[0]} px")
