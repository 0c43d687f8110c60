"""What other programs on the same cores cost, with nst's limit on how long OpenMP's threads spin and without it.

    python tests/benchmarks/busy.py

Runs iterations of lite and of VGG-19 at 256 px on all cores, in two processes that take turns: one with the limit of
nst/openmp.py, one with the defaults that GNU's, Intel's and LLVM's OpenMP document. Each runs alone, beside as many
busy loops as there are cores, and beside another torch program with torch's defaults. Prints JSON: milliseconds an
iteration, the median over the rounds; the share that the limit costs when nothing else runs; and how many times as
long an iteration takes in a batch as alone. The machine has to be idle otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from nst.machine.openmp import SPINNING

DATA = Path(__file__).parents[2] / "data"
PAIR = (DATA / "content/lake.jpg", DATA / "style/swirls.jpg")

#: Documented of the runtimes.
DEFAULTS = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}

LOOP = "print(flush=True)\nwhile True: pass"
#: Convolutions forward and backward, of the size that training a small network has.
TORCH = """
import torch
weight = torch.randn(64, 64, 3, 3, requires_grad=True)
x = torch.randn(4, 64, 64, 64)
while True:
    torch.nn.functional.conv2d(x, weight, padding=1).relu().sum().backward()
    print(flush=True)
"""
OTHER_LOAD = {"alone": [], "busy loops": [LOOP] * (os.cpu_count() or 1), "torch": [TORCH]}


class Iterations:
    """A process that runs iterations of a network when it is asked to."""

    def __init__(self, network: str, size: int, spin: dict[str, str]):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--network", network, "--size", str(size)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment() | spin,
        )  # fmt: skip
        self.milliseconds(0)  # warms up

    def milliseconds(self, seconds: float) -> float:
        """An iteration's, the mean over so many seconds."""
        print(seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.communicate()


def serve(network: str, size: int) -> None:
    """Be such a process."""
    from nst import weights
    from nst.engine.stylization import Transfer, stylize
    from nst.images import read_picture
    from nst.settings import Settings

    content, style = (read_picture(path, long_side=size).pixels for path in PAIR)
    settings, state = Settings(network=network, iterations=100_000), weights.load(network)[0]
    for line in sys.stdin:
        began, count = 0.0, -3  # the first three warm up
        for _ in stylize(Transfer(content, [style], settings), state=state, device="cpu"):
            count += 1
            if count == 0:
                began = time.perf_counter()
            elif count > 0 and time.perf_counter() - began > float(line):
                break
        print(1000 * (time.perf_counter() - began) / count, flush=True)


@contextmanager
def company(programs: list[str]) -> Iterator[None]:
    """Other programs that are busy while the context lasts."""
    command = [sys.executable, "-c"]
    running = [subprocess.Popen([*command, program], stdout=subprocess.PIPE, env=environment()) for program in programs]
    try:
        for process in running:
            process.stdout.readline()
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()


def environment() -> dict[str, str]:
    """This process's, with nothing in it that OpenMP reads."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}


def measure(network: str, size: int, seconds: float, rounds: int, limit: dict[str, str]) -> dict[str, object]:
    """Milliseconds an iteration in each company by each way of spinning, and the ratios."""
    ways = {"limited": limit, "default": DEFAULTS}
    processes = {way: Iterations(network, size, variables) for way, variables in ways.items()}
    taken: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name in OTHER_LOAD}
    for _ in range(rounds):
        for name, programs in OTHER_LOAD.items():
            with company(programs):
                for way, process in processes.items():
                    taken[name][way].append(process.milliseconds(seconds))
    for process in processes.values():
        process.stop()
    found = {name: {way: median(values) for way, values in by.items()} for name, by in taken.items()}
    alone = found["alone"]
    return {
        "milliseconds": found,
        "lost_alone": alone["limited"] / alone["default"] - 1,
        "times_alone": {name: {way: by[way] / alone[way] for way in ways} for name, by in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lite", "vgg19"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    limit = [f"{name}={value}" for name, value in SPINNING.items()]
    parser.add_argument("--limit", nargs="+", metavar="NAME=VALUE", default=limit, help="another than nst's, to try it")
    parser.add_argument("--network", help=argparse.SUPPRESS)  # a process that `Iterations` starts
    options = parser.parse_args()
    if options.network:
        serve(options.network, options.size)
        return
    limit = dict(text.split("=") for text in options.limit)
    common = options.size, options.seconds, options.rounds, limit
    print(json.dumps({network: measure(network, *common) for network in options.networks}, indent=1))


if __name__ == "__main__":
    main()
