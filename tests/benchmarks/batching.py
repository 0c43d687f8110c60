"""Pictures stylized at the same time against one after another: pairs a minute by how many there are at once.

    python tests/benchmarks/batching.py --size 512 --iterations 100 --at-once 1 2 4 8

Each number at once has stylized a few iterations before, as in a warm
worker. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time

import engine

from nst import weights
from nst.engine.stylization import Finished, Transfer, stylize_batch
from nst.images import read_picture
from nst.machine import runtime
from nst.settings import make

#: Iterations before those that count: on a GPU as many as come before a recording.
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    parser.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    state, _, _ = weights.load(arguments.network)
    values = {"size": arguments.size, "iterations": arguments.iterations, "network": arguments.network}
    settings = make(values | {"deterministic": "no"})
    content = read_picture(engine.DATA / "content/lake.jpg", long_side=arguments.size).pixels
    style = read_picture(engine.DATA / "style/swirls.jpg", long_side=arguments.size).pixels
    device = runtime.torch_device(arguments.device)
    rates = {}
    for count in arguments.at_once:
        for how in (settings.model_copy(update={"iterations": WARM_UP}), settings):
            began = time.perf_counter()
            transfers = [Transfer(content, [style], how)] * count
            found = [event for _, event in stylize_batch(transfers, state=state, device=arguments.device)]
            seconds = time.perf_counter() - began
            assert sum(isinstance(event, Finished) for event in found) == count
        rates[count] = 60 * count / seconds
    first = next(iter(rates.values()))
    report = {
        **vars(arguments),
        "device": runtime.name(device),
        "pictures_a_minute": rates,
        "ratio": {count: rate / first for count, rate in rates.items()},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
