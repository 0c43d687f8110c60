"""`nst weights`: fetch trained weights once."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nst import weights
from nst.files import replacing, sha256
from nst.settings import WIDTHS


@click.command()
@click.argument("network", type=click.Choice(list(WIDTHS)))
@click.option("--path", "only_path", is_flag=True, help="Print where nst looks and fetch nothing.")
@click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Write file and sha256 as JSON.")
def command(network: str, only_path: bool, record: Path | None) -> None:
    """Fetch NETWORK's ImageNet weights and check their sha256; goes on where an earlier try stopped."""
    place = weights.find(network)
    if only_path:
        click.echo(str(place))
        return
    if not place.is_file():
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
