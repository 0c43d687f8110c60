"""`nst publish`: put the gallery of a grid on a server."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("url")
def command(results: Path, url: str) -> None:
    """Publish the gallery of the folder RESULTS at URL, a folder in an S3-compatible bucket: s3://bucket/folder

    Only new and changed files are sent; files of an earlier gallery are deleted. The server and the credentials are
    those of AWS's environment variables (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...) and files.
    URL may be any that fsspec can write, such as file:///srv/www/gallery.
    """
    from tqdm import tqdm

    from nst.summaries.publishing import update

    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc="sent", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        made = update(results, url, show)
    click.echo(
        f"{made.sent} files sent ({made.bytes / 1e6:.1f} MB), {made.unchanged} unchanged, {made.deleted} deleted"
    )
    click.echo(made.url)
