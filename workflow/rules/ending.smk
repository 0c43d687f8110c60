"""What happens before the first job and after the last one.

Snakemake passes no jobs to its handlers. Therefore these functions, and no others, read its DAG and its records.
"""

import asyncio
import atexit
import subprocess
import sys
import time

from nst.grid import ending, leftovers
from snakemake.logging import logger

STARTED = time.time()


def announce():
    """Log the images that this run stylizes. The logger plugin `nst` takes them from the record's attribute.

    What finished while an earlier run was interrupted is none of them: its job puts the image back.
    """
    finished = set(leftovers.finished_work(RESULTS))
    jobs = list(workflow.dag.needrun_jobs())
    bundles = {
        job.wildcards.bundle: [pair.id for pair in get_bundle(job.wildcards).pairs]
        for job in jobs
        if is_job_of(job, "bundle")
    }
    ids = [get_pair(job.wildcards).id for job in jobs if is_job_of(job, "stylize")]
    ids += [name for names in bundles.values() for name in names]
    grid = {
        "images": {n: seconds_of(PAIRS[n]) for n in ids if n not in finished},
        "bundles": bundles,
        "results": RESULTS,
        "format": CONFIG.format,
    }
    logger.info(f"images    {len(grid['images']):,} to stylize", extra={"nst": grid})


def is_job_of(job, rule):
    """Whether a job is of a rule of this workflow, which has a prefix if another workflow uses it as a module."""
    return job.rule.name == rule or job.rule.name.endswith(f"_{rule}")


def seconds_of(pair):
    """A pair's estimated seconds on one core."""
    return estimate(
        pair.settings, FILES.size(pair.content), 1, styles=len(pair.styles)
    )[0]


def show_unfinished_grid():
    """Make a gallery of the existing images after a failure; the rule `gallery` needs all images.

    Not if the run was interrupted, or was not to make the gallery.
    """
    scheduler = workflow.scheduler
    planned = any(is_job_of(job, "gallery") for job in workflow.dag.needrun_jobs())
    if planned and scheduler.failed and not scheduler.running and Path(GRID).exists():
        logger.info("Making the gallery of the existing images.")
        command = ["gallery", GRID, "-o", GALLERY, "--work", GALLERY_WORK]
        command += ["--processes", str(all_cores()), "--rank-by", CONFIG.rank_by]
        subprocess.run(
            [sys.executable, "-m", "nst", *command], stdout=subprocess.DEVNULL
        )


def tidy_work():
    """Remove the remains of killed jobs, and the work of jobs that Snakemake recorded as complete."""
    jobs = {
        "/".join(job.wildcards): job
        for job in workflow.dag.jobs
        if is_job_of(job, "stylize")
    }
    leftovers.tidy_work(RESULTS, lambda name: name in jobs and is_complete(jobs[name]))


def is_complete(job):
    return not asyncio.run(workflow.persistence.incomplete(job))


@atexit.register
def tidy_work_of_this_run():
    """Tidy at exit: Snakemake calls no handler if there was nothing to do. Then print the summary, too."""
    ran = getattr(workflow, "scheduler", None) is not None
    if ran and workflow.is_main_process and not workflow.dryrun:
        tidy_work()
        if not len(workflow.dag) and not workflow.output_settings.quiet:
            for line in summary():
                print(line, file=sys.stderr)  # Snakemake's logger has ended


def report_the_end(**how):
    """Remove the sheets and plots of an earlier grid, and print what this run made."""
    sheets, snapshots = get_sheet_names(), names_with_snapshots()
    removed = len(leftovers.remove_stale_summaries(RESULTS, sheets, snapshots))
    for line in summary(removed=removed, **how):
        logger.info(line, extra={"nst": True})


def summary(**how):
    return ending.summary(
        PAIRS.values(),
        RESULTS,
        CONFIG.format,
        STARTED,
        manifest=CONFIG.manifest,
        **how,
    )


onstart:
    tidy_work()
    announce()


onsuccess:
    report_the_end()


onerror:
    # The gallery shows the existing images, and the error of each other pair.
    show_unfinished_grid()
    report_the_end(ended_early=True, failed=bool(workflow.scheduler.failed))
