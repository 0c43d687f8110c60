"""Snakemake, asking Slurm for its jobs' states every three seconds.

The executor asks ten seconds later each time, up to three minutes, which spares a cluster and makes tests wait.
"""

import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 3, lambda self, seconds: None)

if __name__ == "__main__":
    sys.exit(main())
