"""`nst weights`: find the weights of a network, and download those that are not installed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nst import weights
from nst.commands.options import PATH
from nst.io.files import refuse_inputs, replacing, sha256
from nst.settings import WIDTHS, make


@click.command()
@click.argument("network", type=click.Choice(list(WIDTHS)))
@click.option(
    "--weights",
    "kind",
    type=click.Choice(["auto", "oxford", "torchvision"]),
    default="auto",
    show_default=True,
    help="Weights to use, as in the setting `weights`.",
)
@click.option("--path", "only_path", is_flag=True, help="Print the path of the weights, without downloading them.")
@click.option("--record", metavar="FILE", type=PATH, help="JSON file to write, with path and SHA-256.")
def command(network: str, kind: str, only_path: bool, record: Path | None) -> None:
    """Find the weights of NETWORK and print their SHA-256.

    The weights of vgg19 and lite are installed with nst. Those of vgg16 are downloaded from torchvision's server and
    checked. An interrupted download is resumed.
    """
    make({"network": network, "weights": kind}, "nst weights")
    path = weights.find(network, kind)
    if only_path:
        click.echo(str(path))
        return
    if record:
        refuse_inputs([record], [path])
    downloaded = path.parent == weights.cache() and weights.published(path)  # if corrupt, it is downloaded again
    if downloaded or not path.is_file():
        _fetch(network, path)
    digest = sha256(path)
    if record:
        with replacing(record) as temporary:
            temporary.write_text(json.dumps({"network": network, "file": str(path), "sha256": digest}, indent=1))
    click.echo(f"{path}: {network}, sha256 {digest}")


def _fetch(network: str, path: Path) -> None:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=network) as bar:

        def show(have: int, total: int | None) -> None:
            bar.total = total
            bar.update(have - bar.n)

        weights.fetch(network, path, show)
