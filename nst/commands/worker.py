"""`nst worker`: the processes that keep torch, networks and GPUs ready for the next picture."""

from __future__ import annotations

import click

from nst.errors import NstError
from nst.worker import client


@click.group()
def command() -> None:
    """Run, show or stop workers. They start by themselves; NST_WORKER=no keeps them from it."""


@command.command()
@click.argument("place")
@click.option("--idle", type=click.FloatRange(0), help="seconds without a request after which it leaves")
def run(place: str, idle: float | None) -> None:
    """Be the worker of PLACE: the UUID or number of a GPU, or cpu-0, cpu-1, …"""
    from nst.worker import server

    server.run(place, server.IDLE if idle is None else idle)


@command.command()
def status() -> None:
    """List the workers of this machine that are yours."""
    workers = [worker for worker in client.ask(status=True) if "pid" in worker]
    for worker in workers:
        click.echo("{place}  pid {pid}  {pictures} pictures stylized  {busy} in work".format(**worker))
    if not workers:
        click.echo("no worker runs; one starts with the next picture where there is a GPU, or with NST_WORKER=yes")


@command.command()
def stop() -> None:
    """Have the workers leave after what they are at."""
    stopped = client.ask(leave=True)
    if not stopped:
        raise NstError("no worker runs")
