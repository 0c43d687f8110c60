"""`nst animate`: the frames of a picture as an animation."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("frames_dir", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help=".gif or .mp4 to write.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Duration without the holds.  [default: 0.08 a frame]",
)
@click.option(
    "--hold",
    nargs=2,
    default=(0.6, 1.5),
    show_default=True,
    type=click.FloatRange(0, 60),
    help="Seconds that the first and last frame stand.",
)
@click.option("--size", default=384, show_default=True, type=click.IntRange(16, 4096), help="Long side in pixels.")
@click.option(
    "--max-mb",
    default=4.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Largest file, in MB.",
)
def command(
    frames_dir: Path, output: Path, seconds: float | None, hold: tuple[float, float], size: int, max_mb: float
) -> None:
    """Make an animation of the numbered frames in FRAMES_DIR."""
    from nst.animation import animate

    animate(frames_dir, output, seconds=seconds, hold=hold, long_side=size, max_bytes=int(max_mb * 1e6))
    click.echo(output)
