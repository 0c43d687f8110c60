"""One image by the loop that every other program runs, in a process of its own: what throughput.py compares with.

python tests/benchmarks/plain.py CONTENT STYLE -o OUT.png --size 512 --iterations 300

"""

from __future__ import annotations

import argparse
from pathlib import Path

import engine

from nst import weights
from nst.images import read_picture, write_picture
from nst.machine import runtime
from nst.settings import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    arguments = parser.parse_args()
    content, style = (
        read_picture(path, long_side=arguments.size).pixels for path in (arguments.content, arguments.style)
    )
    settings = make({"iterations": arguments.iterations, "network": arguments.network})
    state, _, _ = weights.load(arguments.network)
    _, _, picture = engine.reference(content, style, state, settings, runtime.torch_device("auto"))
    write_picture(arguments.output, picture)


if __name__ == "__main__":
    main()
