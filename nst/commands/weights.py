"""`nst weights`: fetch trained weights once."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from nst import weights
from nst.settings import BLOCKS


@click.command()
@click.argument("network", type=click.Choice(list(BLOCKS)))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="where to put them; by default where nst looks")
@click.option("--path", "only_path", is_flag=True, help="print where nst looks and fetch nothing")
def command(network: str, output: Path | None, only_path: bool) -> None:
    """Fetch NETWORK's ImageNet weights and check their sha256; goes on where an earlier try stopped."""
    place = weights.find(network)
    if only_path:
        click.echo(str(place))
        return
    if place.is_file() and output is not None and output != place:
        output.parent.mkdir(parents=True, exist_ok=True)
        part = output.with_name(output.name + ".part")
        shutil.copyfile(place, part)
        part.replace(output)
    elif not place.is_file():
        place = _fetch(network, output or place)
    click.echo(f"{output or place}: {network}, sha256 {weights.sha256(output or place)}")


def _fetch(network: str, place: Path) -> Path:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=network) as bar:

        def show(have: int, total: int | None) -> None:
            bar.total = total
            bar.update(have - bar.n)

        return weights.fetch(network, place, show)
