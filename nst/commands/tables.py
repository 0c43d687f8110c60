"""`nst tables`: compare the pairs of a grid in tables."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import PATH, grid_argument, rank_option
from nst.io import logs
from nst.io.files import refuse_inputs


@click.command()
@grid_argument
@click.option("-o", "--output", metavar="FOLDER", required=True, type=PATH, help="Folder to write.")
@rank_option
def command(grid_csv: Path, output: Path, rank_by: str) -> None:
    """Compare the pairs in GRID_CSV: a table of all pairs, and one for each setting that varies.

    GRID_CSV is results/grid.csv, or that of a results folder.
    """
    from nst.summaries.records import read_records
    from nst.summaries.tables import write_tables

    logs.show()
    refuse_inputs([output / "comparison.csv"], [grid_csv])
    for path in write_tables(read_records(grid_csv, rank_by), output):
        click.echo(path)
