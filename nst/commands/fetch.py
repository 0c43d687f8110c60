"""`nst fetch`: copy a picture from an address."""

from __future__ import annotations

from pathlib import Path

import click

from nst.commands.outputs import check_outputs, force_option


@click.command()
@click.argument("address")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write.")
@force_option
def command(address: str, output: Path, force: bool) -> None:
    """Copy the picture at ADDRESS (http, https, s3) to a file, if a picture is what comes.

    At most 2 GB, in at most an hour. Nothing is fetched from this machine or from private networks, also not by a
    redirect, unless NST_ALLOW_PRIVATE=1 is in the environment.
    """
    from nst.errors import NstError
    from nst.images import picture_size
    from nst.io.fetching import copy
    from nst.io.files import replacing
    from nst.io.urls import redacted, whole

    check_outputs([output], [address], force=force)
    with replacing(output) as temporary:
        copy(whole(address), temporary)
        try:
            picture_size(temporary)
        except NstError:
            raise NstError(f"{redacted(address)}: what came is no picture; look at the address in a browser") from None
    click.echo(output)
