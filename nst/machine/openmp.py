"""The time that torch's OpenMP threads spin while they wait for work.

By default they spin for milliseconds between two parallel loops (GNU: 300,000 cycles of a loop; Intel and LLVM: 200
ms). Where another program uses the same cores, each of the hundreds of loops of an iteration then waits until the
scheduler has taken the core from a spinning thread. To sleep at once (OMP_WAIT_POLICY=PASSIVE) is slower on an idle
machine, because waking a thread takes longer than most waits. So the threads spin briefly.
"""

from __future__ import annotations

import os

#: GNU's OpenMP (torch for Linux) counts cycles of a loop; 10,000 take about 0.1 ms. Intel's (Windows, conda) and LLVM's
#: (macOS) take whole milliseconds; only LLVM 18 and later accept a unit.
SPINNING = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}


def limit_spinning() -> None:
    """Limit the spinning of this process and its children, unless the user's environment sets it.

    OpenMP reads its environment when torch is imported: call this before.
    """
    if "OMP_WAIT_POLICY" not in os.environ:  # SPINNING would override the user's choice
        for name, value in SPINNING.items():
            os.environ.setdefault(name, value)
