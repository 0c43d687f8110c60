"""How long torch's OpenMP threads spin while they wait for work.

By default they spin for milliseconds between two parallel loops (GNU: 300,000 turns of a loop; Intel and LLVM: 200 ms),
on cores that another program could use. Where one does, each of the hundreds of loops of an iteration waits until the
scheduler has taken the core from a thread that only spins. Sleeping at once (OMP_WAIT_POLICY=PASSIVE) costs time on an
idle machine, for waking a thread takes longer than most waits last; so they spin briefly.
"""

from __future__ import annotations

import os

#: GNU's OpenMP (torch for Linux) counts turns of a loop, 10,000 of which take about 0.1 ms. Intel's (Windows, conda)
#: and LLVM's (macOS) take whole milliseconds: a unit can be given only to LLVM 18 and later.
SPINNING = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}


def limit_spinning() -> None:
    """Limit the spinning of this process and those that it starts, unless the user's environment has set it.

    OpenMP reads its environment once, when torch is loaded: without effect on this process where that has happened.
    """
    if "OMP_WAIT_POLICY" not in os.environ:  # which the variables would override
        for name, value in SPINNING.items():
            os.environ.setdefault(name, value)
