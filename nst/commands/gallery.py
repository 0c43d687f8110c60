"""`nst gallery`: write an HTML gallery of a grid."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import PATH, grid_argument, rank_option
from nst.io import logs


@click.command()
@grid_argument
@click.option(
    "-o", "--output", metavar="FOLDER", type=PATH, help="Folder to write.  [default: gallery, next to GRID_CSV]"
)
@click.option("--work", metavar="FOLDER", type=PATH, help="Folder for files that the next call can reuse.")
@click.option("--processes", type=click.IntRange(0), default=0, help="Maximum number of processes; 0 is one per core.")
@rank_option
def command(grid_csv: Path, output: Path | None, work: Path | None, processes: int, rank_by: str) -> None:
    """Write a gallery of the pairs in GRID_CSV, including missing ones. Open its index.html in a browser.

    GRID_CSV is results/grid.csv, or that of a results folder.
    """
    from nst.summaries.gallery import write_gallery
    from nst.summaries.records import read_records

    logs.show()
    folder = output or grid_csv.parent / "gallery"
    click.echo(write_gallery(read_records(grid_csv, rank_by), grid_csv, folder, work=work, processes=processes))
