"""`nst sheet`: arrange the images of a grid on contact sheets."""

from __future__ import annotations

from pathlib import Path

import click

from nst import layout
from nst.commands.options import PATH, grid_argument, rank_option
from nst.commands.outputs import check_outputs, force_option
from nst.io import logs


@click.command()
@grid_argument
@click.option("--settings", metavar="NAME", help="Draw contents × styles with these settings.")
@click.option("--content", metavar="NAME", help="Draw one content and style with all their settings (with --style).")
@click.option("--style", metavar="NAME", help="Draw one content and style with all their settings (with --content).")
@click.option("--snapshots", metavar="FOLDER", type=PATH, help="Draw the snapshots of the pair in this folder.")
@click.option("--all", "everything", is_flag=True, help="Write every sheet into the folder given by -o.")
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="PATH",
    required=True,
    multiple=True,
    type=PATH,
    help="File to write (.png, .jpg or .html); can be repeated. HTML also shows the animations. With --all, a folder.",
)
@rank_option
@force_option
def command(
    grid_csv: Path,
    settings: str | None,
    content: str | None,
    style: str | None,
    snapshots: Path | None,
    everything: bool,
    outputs: tuple[Path, ...],
    rank_by: str,
    force: bool,
) -> None:
    """Draw a contact sheet of pairs in GRID_CSV, or of the snapshots of one pair.

    NAME is a content_name, style_name or settings_name in GRID_CSV, which is results/grid.csv or that of a results
    folder.
    """
    given = (bool(settings), bool(content), bool(style), everything, bool(snapshots))
    if given not in ((1, 0, 0, 0, 0), (0, 1, 1, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 1)):
        raise click.UsageError("choose one of --settings NAME, --content NAME --style NAME, --snapshots, and --all")
    if everything and len(outputs) > 1:
        raise click.UsageError("--all writes into one folder; give -o once")
    logs.show()
    from nst.summaries import sheets
    from nst.summaries.records import pictures_of, read_records

    paths = list(outputs)
    if snapshots:
        check_outputs(
            paths, [snapshots, *snapshots.glob(f"{layout.SNAPSHOTS}/*"), *sheets.finished_image(snapshots)], force=force
        )
        sheets.snapshot_sheet(snapshots, *outputs)
    else:
        names = {"settings_name": settings, "content_name": content, "style_name": style}
        records = read_records(grid_csv, rank_by, **{column: name for column, name in names.items() if name})
        if everything:
            paths = sheets.files_of_all(records, outputs[0])
        check_outputs(paths, [grid_csv, *pictures_of(records)], force=force)
        if everything:
            sheets.all_sheets(records, outputs[0])
        else:
            (sheets.matrix_sheet if settings else sheets.sweep_sheet)(records, *outputs)
    for path in paths:
        click.echo(path)
