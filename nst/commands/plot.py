"""`nst plot`: plot the losses and the errors of a grid."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import PATH, grid_argument
from nst.commands.outputs import check_outputs, force_option
from nst.io import logs


@click.command()
@grid_argument
@click.option("--content", metavar="NAME", help="Plot the losses of the pairs with this content.")
@click.option("--style", metavar="NAME", help="Plot the losses of the pairs with this style.")
@click.option("--settings", metavar="NAME", help="Plot the losses of the pairs with these settings.")
@click.option("--errors", is_flag=True, help="Plot style error against content error, with the Pareto fronts.")
@click.option("--all", "everything", is_flag=True, help="Write every plot into the folder given by -o.")
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    required=True,
    type=PATH,
    help="File to write (.png, .svg or .pdf); with --all, a folder.",
)
@force_option
def command(
    grid_csv: Path,
    content: str | None,
    style: str | None,
    settings: str | None,
    errors: bool,
    everything: bool,
    output: Path,
    force: bool,
) -> None:
    """Plot the losses of some pairs in GRID_CSV, or the errors of all pairs.

    --content, --style and --settings can be combined. GRID_CSV is results/grid.csv, or that of a results folder.
    """
    names = {"content_name": content, "style_name": style, "settings_name": settings}
    chosen = {column: name for column, name in names.items() if name}
    if bool(chosen) + errors + everything != 1:
        raise click.UsageError("choose one of --content/--style/--settings NAME, --errors and --all")
    logs.show()
    from nst.summaries import plots
    from nst.summaries.records import group_title, pictures_of, read_records

    records = read_records(grid_csv, **chosen)
    paths = plots.files_of_all(records, output) if everything else [output]
    check_outputs(paths, [grid_csv, *pictures_of(records)], force=force)
    if everything:
        plots.all_plots(records, output)
    elif errors:
        plots.errors(records, output)
    else:
        titles = [
            group_title(records) if column == "settings_name" else records[column.replace("name", "title")].iloc[0]
            for column in chosen
        ]
        plots.loss_curves(records, " × ".join(titles), output)
    for path in paths:
        click.echo(path)
