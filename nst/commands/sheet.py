"""`nst sheet`: the pictures of a grid side by side."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.outputs import check_outputs, force_option


@click.command()
@click.argument("grid_csv", type=click.Path(path_type=Path), required=False)
@click.option("--settings", metavar="NAME", help="Contents × styles with these settings.")
@click.option("--content", metavar="NAME", help="With --style: one pair of pictures over the settings that vary.")
@click.option("--style", metavar="NAME", help="With --content: the style.")
@click.option("--snapshots", type=click.Path(path_type=Path), help="The snapshots of the pair in this folder.")
@click.option("--all", "everything", is_flag=True, help="Every sheet, into the folder -o.")
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="PATH",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help=".png, .jpg or .html to write, once or more; a page plays the animations beside the pictures.",
)
@force_option
def command(
    grid_csv: Path | None,
    settings: str | None,
    content: str | None,
    style: str | None,
    snapshots: Path | None,
    everything: bool,
    outputs: tuple[Path, ...],
    force: bool,
) -> None:
    """Lay the pictures of the pairs in GRID_CSV out on a sheet, by their names in it, or a pair's snapshots."""
    given = (bool(settings), bool(content), bool(style), everything, bool(snapshots))
    if given not in ((1, 0, 0, 0, 0), (0, 1, 1, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 1)):
        raise click.UsageError("choose one of --settings NAME, --content NAME --style NAME, --snapshots, and --all")
    from nst.summaries.records import pictures_of, read_records
    from nst.summaries.sheets import all_sheets, matrix_sheet, snapshot_sheet, sweep_sheet

    paths = list(outputs)
    if snapshots:
        check_outputs(paths, [snapshots, *snapshots.glob("snapshots/*")], force=force)
        snapshot_sheet(snapshots, *outputs)
    elif grid_csv is None:
        raise click.UsageError("name the grid.csv of a results folder")
    else:
        names = {"settings_name": settings, "content_name": content, "style_name": style}
        records = read_records(grid_csv, **{column: name for column, name in names.items() if name})
        if everything:
            paths = all_sheets(records, outputs[0])
        else:
            check_outputs(paths, [grid_csv, *pictures_of(records)], force=force)
            (matrix_sheet if settings else sweep_sheet)(records, *outputs)
    for path in paths:
        click.echo(path)
