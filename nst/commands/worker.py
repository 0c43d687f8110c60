"""`nst worker`: the processes that keep torch, networks and GPUs ready for the next image."""

from __future__ import annotations

import click

from nst.errors import NstError
from nst.worker import client


@click.group()
def command() -> None:
    """Run, list or stop workers.

    `nst stylize` starts a worker on its own if there is a GPU, or with NST_WORKER=yes; never with NST_WORKER=no.
    """


@command.command()
@click.argument("device")
@click.option("--idle", type=click.FloatRange(0), help="Stop after this many seconds without a request.")
def run(device: str, idle: float | None) -> None:
    """Run a worker on DEVICE: the UUID or number of a GPU, or cpu-0, cpu-1, …"""
    from nst.worker import server

    server.run(device, server.IDLE_TIMEOUT if idle is None else idle)


@command.command()
def status() -> None:
    """List your workers on this machine."""
    workers = [worker for worker in client.ask(status=True) if "pid" in worker]
    for worker in workers:
        click.echo("{device}  pid {pid}  {pictures} images stylized  {busy} in progress".format(**worker))
    if not workers:
        click.echo("no worker is running; nst stylize starts one if there is a GPU, or with NST_WORKER=yes")


@command.command()
def stop() -> None:
    """Stop the workers after their current jobs."""
    stopped = client.ask(leave=True)
    if not stopped:
        raise NstError("no worker is running")
