"""`nst weights`: find a network's trained weights; download those that the installation does not contain."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nst import weights
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
    help="Which of the network's weights, as the setting `weights`.",
)
@click.option("--path", "only_path", is_flag=True, help="Print where nst looks and download nothing.")
@click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Write file and sha256 as JSON.")
def command(network: str, kind: str, only_path: bool, record: Path | None) -> None:
    """Find NETWORK's ImageNet weights and print their SHA-256.

    VGG-19's and lite's come with the installation. VGG-16's are downloaded from torchvision's server and checked; an
    interrupted download is resumed.
    """
    make({"network": network, "weights": kind}, "nst weights")
    place = weights.find(network, kind)
    if only_path:
        click.echo(str(place))
        return
    if record:
        refuse_inputs(record, [place])
    if not place.is_file() or (place.parent == weights.cache() and weights.published(place)):  # or replaced, if wrong
        _fetch(network, place)
    digest = sha256(place)
    if record:
        with replacing(record) as temporary:
            temporary.write_text(json.dumps({"network": network, "file": str(place), "sha256": digest}, indent=1))
    click.echo(f"{place}: {network}, sha256 {digest}")


def _fetch(network: str, place: Path) -> Path:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=network) as bar:

        def show(have: int, total: int | None) -> None:
            bar.total = total
            bar.update(have - bar.n)

        return weights.fetch(network, place, show)
