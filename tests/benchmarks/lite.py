"""How similar lite's images are to VGG-19's, evaluated by VGG-19: errors, speed and memory.

    python tests/benchmarks/lite.py --contents C... --styles S... --work FOLDER

Stylizes every pair with lite, with VGG-19 and with VGG-19's shape at random weights; images that are in the work
folder are kept (lite's only while its weights are the same). Prints a line of JSON an image, then a
summary: mean errors by size and network with those of the unstyled content beside them, and, of one iteration at each
size, seconds, and megabytes at the peak above an idle process with torch loaded. The networks take turns iteration by
iteration, so that other programs slow both alike. Writes sheet-SIZE.png into the work folder, or the file of --sheet.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.images import read_picture, write_picture
from nst.io.files import sha256
from nst.machine.cpu import cpu_has_bf16_units
from nst.metrics import ReferenceNetwork, evaluate
from nst.settings import make
from nst.summaries.drawing import Cell, Layout, draw_sheet

DATA = Path(__file__).parents[2] / "data"
TITLES = {"vgg19": "VGG-19", "lite": "lite", "random": "VGG-19, random weights"}
#: Iterations that are timed, after those in which memory is first taken and algorithms are chosen.
TIMED, FIRST = 20, 10
#: The megabytes that iterations add at their peak (Linux), in a process of its own.
PROBE = """
import re, sys
from pathlib import Path
import numpy as np
import torch._dynamo  # torch itself imports it with the first image
from nst import weights
from nst.settings import make
from nst.engine.stylization import Transfer, stylize

def megabytes(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000

network, size, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
content = np.random.default_rng(0).random((size * 3 // 4, size, 3), dtype=np.float32)
settings = make({"network": network, "size": size, "iterations": 12, "precision": precision})
idle = megabytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
events = stylize(Transfer(content, [content], settings), state=weights.load(network)[0], device="cpu")
for _ in events:
    pass
print(megabytes("VmHWM") - idle)
"""


def random_vgg(state: dict) -> dict:
    """Weights of the same shapes that keep the size of activations (He et al., arXiv:1502.01852)."""
    generator = torch.Generator().manual_seed(0)
    return {
        key: torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        if value.ndim == 4
        else torch.zeros(value.shape)
        for key, value in state.items()
    }


def stylized(path: Path, content: np.ndarray, style: np.ndarray, state: dict, values: dict) -> np.ndarray:
    if not path.exists():
        *_, finished = stylize(Transfer(content, [style], make(values)), state=state, device="auto")
        write_picture(path, finished.pixels)
    return read_picture(path).pixels


def costs(size: int, precision: str) -> dict:
    """How many times VGG-19's speed, and how many times less memory."""
    networks = ("vgg19", "lite")
    times = iteration_times(size, precision, networks)
    megabytes = {}
    for network in networks:
        answer = subprocess.check_output([sys.executable, "-c", PROBE, network, str(size), precision], text=True)
        megabytes[network] = float(answer)
    return {
        "milliseconds": {network: 1000 * median(found) for network, found in times.items()},
        "speed_ratio": median(slow / fast for slow, fast in zip(times["vgg19"], times["lite"], strict=True)),
        "megabytes": megabytes,
        "memory_ratio": megabytes["vgg19"] / megabytes["lite"],
    }


def iteration_times(size: int, precision: str, networks: Iterable[str]) -> dict[str, list[float]]:
    """Seconds of each iteration; the networks take turns."""
    content = np.random.default_rng(0).random((size * 3 // 4, size, 3), dtype=np.float32)
    runs, times = {}, {}
    for network in networks:
        how = make({"network": network, "size": size, "iterations": FIRST + TIMED, "precision": precision})
        runs[network] = stylize(Transfer(content, [content], how), state=weights.load(network)[0], device="cpu")
        times[network] = []
    for _ in range(FIRST + TIMED):
        for network, run in runs.items():
            start = time.perf_counter()
            next(run)
            times[network].append(time.perf_counter() - start)
    return {network: found[FIRST:] for network, found in times.items()}


def compare(arguments: argparse.Namespace, size: int, by: ReferenceNetwork, states: dict[str, dict]) -> dict[str, dict]:
    """Mean errors by network, and the sheet."""
    folder, found, rows = arguments.work, {}, []
    digest = sha256(weights.find("lite"))[:8]
    for c, s in itertools.product(arguments.contents, arguments.styles):
        content, style = (read_picture(path, long_side=size).pixels for path in (c, s))
        shown = {"unstyled": content}
        cells = [Cell(str(c), Path(c).stem), Cell(str(s), Path(s).stem)]
        for network, state in states.items():
            name = f"{Path(c).stem}--{Path(s).stem}-{size}-{arguments.iterations}-{network}"
            path = folder / f"{name}-{digest if network == 'lite' else by.digest[:8]}.png"
            values = {"network": "lite" if network == "lite" else "vgg19", "iterations": arguments.iterations}
            shown[network] = stylized(path, content, style, state, values)
            cells.append(Cell(str(path)))
        for name, picture in shown.items():
            m = evaluate(picture, content, [style], by=by)
            found.setdefault(name, []).append(m)
            line = {"size": size, "pair": f"{Path(c).stem}--{Path(s).stem}", "network": name}
            errors = {"style_error": m.style_error, "content_error": m.content_error, "layers": m.layers}
            print(json.dumps(line | errors), flush=True)
            if name != "unstyled":
                i = 2 + list(states).index(name)
                text = f"style {m.style_error:.3f} · content {m.content_error:.2f}"
                cells[i] = Cell(cells[i].picture, detail=text)
        rows.append(cells)
    subtitle = f"{size} px, {arguments.iterations} iterations, default settings; errors by VGG-19"
    heads = [TITLES[name] for name in states]
    sheet = arguments.sheet or folder / f"sheet-{size}.png"
    draw_sheet(Layout("lite beside VGG-19", subtitle, rows, (0, 2), heads), sheet)
    return {
        name: {"style_error": fmean(m.style_error for m in ms), "content_error": fmean(m.content_error for m in ms)}
        for name, ms in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", nargs="+", default=[DATA / f"content/{n}.jpg" for n in ("lake", "portrait")])
    parser.add_argument("--styles", nargs="+", default=[DATA / f"style/{n}.jpg" for n in ("swirls", "cubism")])
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 384])
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--networks", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--sheet", type=Path, help="where to write the sheet of the one size, .png or .jpg")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.sheet and len(arguments.sizes) > 1:
        parser.error("--sheet is for one of --sizes")
    arguments.work.mkdir(parents=True, exist_ok=True)
    by = ReferenceNetwork.load()
    states = {"vgg19": by.state, "lite": weights.load("lite")[0], "random": random_vgg(by.state)}
    states = {name: states[name] for name in arguments.networks}
    summary = {"lite_sha256": sha256(weights.find("lite"))}
    for size in arguments.sizes:
        summary[f"errors at {size} px"] = compare(arguments, size, by, states)
        precisions = ("fp32", "bf16") if cpu_has_bf16_units() else ("fp32",)  # emulated bf16 is tens of times slower
        summary[f"costs at {size} px"] = {precision: costs(size, precision) for precision in precisions}
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
