"""`nst evaluate`: reference metrics of any image."""

from __future__ import annotations

import json

import click

from nst.commands.completion import FILE
from nst.commands.options import device_option
from nst.grid.cells import parse_styles
from nst.settings import WIDTHS
from nst.settings.metrics import METRICS


@click.command()
@click.argument("image", type=FILE)
@click.option("--content", type=FILE, metavar="FILE", required=True, help="Content image.")
@click.option(
    "--style", "styles", type=FILE, metavar="FILE", required=True, multiple=True,
    help="Style image; repeat the option for a blend.",
)  # fmt: skip
@click.option(
    "--network",
    type=click.Choice(list(WIDTHS)),
    default="vgg19",
    show_default=True,
    help="Network that computes the metrics; the reference is vgg19 with its default weights.",
)
@click.option(
    "--weights",
    type=FILE,
    metavar="FILE",
    help="Weights of the network, as in the setting `weights`.  [default: oxford for vgg19]",
)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    image: str, content: str, styles: tuple[str, ...], network: str, weights: str | None, device: str, as_json: bool
) -> None:
    """Compute how well IMAGE keeps its content and matches its style, whatever program made it.

    Lower is better, except for ssim and e_statistic. docs/explanation/metrics.md says what each metric sees.
    """
    from nst.pair.evaluation import evaluate
    from nst.pair.sources import Sources

    parts = parse_styles("+".join(styles))
    measured = evaluate(image, content, parts, sources=Sources(), network=network, weights=weights, device=device)
    if as_json:
        click.echo(json.dumps(measured.as_dict()))
        return
    found = measured.as_dict()
    for name in METRICS:
        click.echo(f"{name:<20}{found[name]:.4f}" if name in found else f"{name:<20}{_why(name)}")
    for layer, error in measured.layers.items():
        click.echo(f"  {layer:<18}{error:.4f}")
    click.echo(f"reference           {measured.reference}")


def _why(name: str) -> str:
    """Why a metric is missing."""
    if name == "portilla_simoncelli":
        return "not computed; it needs the package plenoptic"
    return "not computed; use --network vgg19 or vgg16"
