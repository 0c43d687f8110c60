"""`nst tables`: the pictures of a grid compared in tables."""

from __future__ import annotations

from pathlib import Path

import click

from nst.io.files import refuse_inputs


@click.command()
@click.argument("grid_csv", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write into.",
)
def command(grid_csv: Path, output: Path) -> None:
    """Write comparison and a table for each swept setting, as .csv and .html, for the pairs in GRID_CSV."""
    from nst.summaries.records import read_records
    from nst.summaries.tables import write_tables

    refuse_inputs(output / "comparison.csv", [grid_csv])
    for path in write_tables(read_records(grid_csv), output):
        click.echo(path)
