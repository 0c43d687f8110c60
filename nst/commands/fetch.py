"""`nst fetch`: download an image from a URL."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.options import PATH
from nst.commands.outputs import check_outputs, force_option


@click.command()
@click.argument("url")
@click.option("-o", "--output", metavar="FILE", type=PATH, required=True, help="File to write.")
@force_option
def command(url: str, output: Path, force: bool) -> None:
    """Download the image at URL (http, https, s3).

    The limits are 2 GB and one hour. Servers on this machine and on private networks are refused, also after a
    redirect, unless NST_ALLOW_PRIVATE=1 is in the environment.
    """
    from nst.errors import NstError
    from nst.images import picture_size
    from nst.io.fetching import copy
    from nst.io.files import replacing
    from nst.io.urls import redacted, unredacted

    check_outputs([output], [url], force=force)
    with replacing(output) as temporary:
        copy(unredacted(url), temporary)
        try:
            picture_size(temporary)
        except NstError:
            raise NstError(f"{redacted(url)}: the server did not send an image; open the URL in a browser") from None
    click.echo(output)
