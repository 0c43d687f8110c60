"""Memory of one worker over many requests, every tenth of which is refused: it has to stay what it is after the first.

    python tests/benchmarks/soak.py --requests 500

The requests differ in content, style, size and settings, as those of a grid do, and leave records with animations.
Prints JSON: the worker's resident memory in MB after every 50 requests, the seconds of a request, and how much larger
the last is than the one after 100 requests; ends with status 1 where that is more than --most.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
#: What goes round: 12 kinds of requests that are run.
SIZES, SETTINGS = (
    (64, 96, 48),
    (["--seed", "1"], ["--style-loss", "covariance"], ["--tile", "64"], ["--optimizer", "adam"]),
)
WRONG = (["--size", "0x"], ["--content-mask", "no.png"], ["--style-layers", "conv9_9"])


def requests(folder: Path, iterations: int) -> itertools.count:
    """Arguments without end, and whether they are wrong."""
    contents, styles = (sorted((REPOSITORY / "data" / kind).glob("*.jpg")) for kind in ("content", "style"))
    for i in itertools.count():
        pair = [str(contents[i % len(contents)]), str(styles[i % len(styles)])]
        kept = ["-o", str(folder / f"{i % 20}.png"), "--record", str(folder / f"{i % 20}"), "--force"]
        how = ["--network", "lite", "--iterations", str(iterations), "--size", str(SIZES[i % 3]), *SETTINGS[i % 4]]
        wrong = WRONG[i // 10 % len(WRONG)] if i % 10 == 9 else []
        yield ["stylize", *pair, *kept, *how, "--device", "cpu", "--threads", "1", *wrong], bool(wrong)


def memory(process: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--most", type=float, default=1.05, help="the last over the one after 100 requests, at most")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.environ |= {"NST_WORKER": "yes", "TMPDIR": folder, "OMP_NUM_THREADS": "1"}
        from nst.worker import client

        seconds, kept = [], {}
        for count, (request, wrong) in enumerate(
            itertools.islice(requests(Path(folder), arguments.iterations), arguments.requests), 1
        ):
            began = time.perf_counter()
            with contextlib.redirect_stdout(said := io.StringIO()), contextlib.redirect_stderr(said):
                status = client.run(request)
            assert status == int(wrong), (status, request, said.getvalue())
            seconds.append(time.perf_counter() - began)
            [worker] = client.ask(status=True)
            if count % 50 == 0:
                kept[count] = round(memory(worker["pid"]), 1)
                print(f"{count}: {kept[count]} MB", file=sys.stderr)
        while client.ask(leave=True):
            time.sleep(0.1)
    ratio = round(kept[max(kept)] / kept[min(100, max(kept))], 3)
    found = {
        "megabytes": kept,
        "pid": worker["pid"],
        "seconds": round(sorted(seconds)[len(seconds) // 2], 3),
        "ratio": ratio,
    }
    print(json.dumps(found, indent=1))
    return int(ratio > arguments.most)


if __name__ == "__main__":
    raise SystemExit(main())
