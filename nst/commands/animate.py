"""`nst animate`: make an animation from the frames of a run."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import PATH, setting_range
from nst.commands.outputs import check_outputs, force_option
from nst.settings import defaults


@click.command()
@click.argument("folder", type=PATH)
@click.option("-o", "--output", metavar="FILE", required=True, type=PATH, help="File to write (.gif or .mp4).")
@force_option
@click.option(
    "--frame-rate",
    default=defaults().frame_rate,
    show_default=True,
    type=click.FloatRange(*setting_range("frame_rate")),
    help="Frames per second.",
)
@click.option(
    "--end-pause",
    default=defaults().end_pause,
    show_default=True,
    type=click.FloatRange(*setting_range("end_pause")),
    help="Seconds to show the first and the last frame.",
)
@click.option("--size", default=384, show_default=True, type=click.IntRange(16, 4096), help="Long side, in pixels.")
@click.option(
    "--max-mb",
    default=4.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Maximum size of the file, in MB.",
)
def command(
    folder: Path, output: Path, force: bool, frame_rate: float, end_pause: float, size: int, max_mb: float
) -> None:
    """Make an animation of the frames in FOLDER, which contains numbered frames, or is the folder of a pair."""
    from nst.images.animation import animate, frame_files

    check_outputs([output], frame_files(folder), force=force)
    animate(folder, output, frame_rate=frame_rate, end_pause=end_pause, long_side=size, max_bytes=int(max_mb * 1e6))
    click.echo(output)
