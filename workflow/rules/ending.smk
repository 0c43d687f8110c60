"""What happens before the first job and after the last one.

Snakemake passes no jobs to its handlers. So these functions, and no others, read its DAG and its records.
"""

import asyncio
import atexit
import subprocess
import sys
import time

from nst.grid import ending, leftovers
from nst.io import work_folder
from nst.io.files import sweep
from snakemake.logging import logger

STARTED = time.time()


def show_unfinished_grid():
    """Make the gallery of the images that exist, which its rule cannot, for it needs all; not of a stopped run."""
    scheduler = workflow.scheduler
    wanted = any(job.rule.name == "gallery" for job in workflow.dag.needrun_jobs())
    if wanted and scheduler.failed and not scheduler.running and Path(GRID).exists():
        logger.info("The gallery is made of what is there.")
        command = ["gallery", GRID, "-o", GALLERY, "--work", f"{WORK}/.gallery"]
        command += ["--processes", str(all_cores())]
        subprocess.run([sys.executable, "-m", "nst", *command])


def tidy_work():
    """Remove what killed jobs left, and the links to the results of jobs that Snakemake knows to be complete.

    The links of other jobs are kept, for their results are restored from these: Snakemake deletes the outputs of all
    jobs that were running when it was killed, also of those that have ended well since.
    """
    jobs = {
        "/".join(job.wildcards): job
        for job in workflow.dag.jobs
        if job.rule.name == "stylize"
    }
    for name in work_folder.finished(Path(WORK)):
        job = jobs.get(name)
        recorded = Path(layout.pair_folder(RESULTS, name), layout.RUN).exists()
        if job and recorded and not asyncio.run(workflow.persistence.incomplete(job)):
            work_folder.release(Path(WORK, name))
    work_folder.sweep(Path(WORK))
    for folder in (SHEETS, PLOTS, TABLES):
        sweep(Path(folder))


@atexit.register
def tidy_work_of_this_run():
    """Tidy after a run in which there was nothing to do, for which Snakemake calls no handler."""
    ran = getattr(workflow, "scheduler", None) is not None
    if ran and workflow.is_main_process and not workflow.dryrun:
        tidy_work()


def report_the_end(failed=False):
    """Remove the sheets and plots of an earlier grid, and print what this run made."""
    removed = len(
        leftovers.remove_stale_summaries(
            RESULTS, get_sheet_names(), names_with_snapshots()
        )
    )
    where = (RESULTS, CONFIG.format, STARTED)
    for line in ending.summary(PAIRS.values(), *where, removed=removed, failed=failed):
        logger.info(line)


onstart:
    tidy_work()


onsuccess:
    report_the_end()


onerror:
    # A failed pair stops the tables, and so the gallery, but hides nothing: it shows what exists and why the rest does not.
    show_unfinished_grid()
    report_the_end(failed=True)
