"""`nst studio`: serve the web app."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nst.commands.options import PATH, cluster_profile, profile_option
from nst.errors import NstError
from nst.grid import shipped


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. Others need a token.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--results", "folder", default="studio", show_default=True, type=PATH, metavar="FOLDER",
    help="Folder for uploads, runs and results.",
)  # fmt: skip
@profile_option("It is for all runs; without it, they run on this machine.")
@click.option("--cores", type=click.IntRange(1), help="CPU cores of a run.  [default: all]")
@click.option("--runs", "at_once", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs at once.")
@click.option("--publish", metavar="URL", default="", help="Where users may publish galleries: s3://BUCKET/PREFIX.")
@click.option("--token-file", metavar="FILE", type=PATH, help="File with the access token.")
@click.option("--proxy", is_flag=True, help="One proxy in front ends TLS and sets X-Forwarded-For, -Proto and -Host.")
@click.option("--open", "open_browser", is_flag=True, help="Open the studio in a browser.")
def command(
    host: str,
    port: int,
    folder: Path,
    profile: str,
    cores: int | None,
    at_once: int,
    publish: str,
    token_file: Path | None,
    proxy: bool,
    open_browser: bool,
) -> None:
    """Serve a web app: bring images, choose settings, watch, and share the results.

    It runs the same workflow as `snakemake`, on this machine or, with --profile, on a cluster.
    """
    try:
        from nst.studio import server
        from nst.studio.studio import Options
        from nst.studio.supervisor import Launch
    except ModuleNotFoundError as error:
        raise NstError(f"the studio requires the package {error.name}: {shipped.installer('studio')}") from error
    cluster = cluster_profile(profile).absolute() if profile else None
    launch = Launch(cores or os.cpu_count() or 1, at_once, cluster, publish)
    local = server.is_loopback(host) and not proxy
    options = Options(
        folder,
        launch,
        token=server.access_token("0.0.0.0" if proxy else host, token_file),  # noqa: S104 - a proxy opens it to others
        hosts=(host, "localhost", "127.0.0.1", "[::1]") if local else (),
        proxy=proxy,
    )
    server.serve(options, host, port, show=click.echo, show_token=token_file is None, open_browser=open_browser)
