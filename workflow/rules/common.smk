"""Functions of the rules; what they do is in the package."""

import asyncio
import atexit
import gc
import hashlib
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from nst.errors import NstError
from nst.grid import ending, leftovers
from nst.grid.bundles import bundled, find, fingerprint
from nst.grid.config import load_config
from nst.grid.estimate import estimate, megabytes, minutes
from nst.grid.inputs import Files, is_url, local
from nst.grid.pairs import arguments, read_grid, style_arguments
from nst.io import work_folder
from nst.io import weight_files
from nst.io.urls import hide, redacted
from nst.machine import gpus
from nst.settings import PATHS
from nst.version import ALGORITHM
from nst.worker import protocol
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

FILES = Files()
STARTED = time.time()

# The jobs of a large grid are millions of objects that live to the end: to look through them for garbage again and
# again took a seventh of the time of a dry run of 10,000 pairs.
gc.set_threshold(200_000, 20, 100)


def checked(function, *arguments):
    """Call the package; what the user can mend becomes a message without a traceback."""
    try:
        return function(*arguments)
    except NstError as error:
        raise WorkflowError(redacted(str(error))) from None


def read_config(given):
    found = checked(load_config, given)
    protocol.own_workers(found.worker)
    return found


def read_pairs(settings):
    """Every pair of the manifest by its id: looked up once for each job."""
    found = checked(read_grid, settings.manifest, settings, FILES)
    return {pair.id: pair for pair in found}


def config_of_grid():
    """The configuration as far as grid.csv depends on it."""
    aside = {"worker", "video"} if BUNDLES else {"worker", "video", "device", "threads"}
    return CONFIG.model_dump_json(exclude=aside)


def by_bundle(pairs, settings):
    """What each job of a cluster stylizes, by the bundle's name; nothing where each pair is a job of its own."""
    if not settings.bundle:
        return {}
    return {bundle.name: bundle for bundle in bundled(pairs.values(), settings, FILES)}


def by_pictures(pairs):
    """The ids of each content and style stylized with several settings, by `content--style`."""
    groups = defaultdict(list)
    for name, pair in pairs.items():
        groups[f"{pair.content_name}--{pair.style_name}"].append(name)
    return {name: members for name, members in groups.items() if len(members) > 1}


def by_settings(pairs, sweeps):
    """The ids with the same settings; a single pair of a sweep is on the sweep's sheet."""
    groups = defaultdict(list)
    for name, pair in pairs.items():
        groups[pair.settings_name].append(name)
    swept = {name for members in sweeps.values() for name in members}
    return {
        name: members
        for name, members in groups.items()
        if len(members) > 1 or members[0] not in swept
    }


def bundle_of(wildcards):
    return checked(find, wildcards.bundle, BUNDLES.values(), CONFIG.manifest)


def pair_of(wildcards):
    return PAIRS[f"{wildcards.content}/{wildcards.style}/{wildcards.settings}"]


def here(wildcards):
    """A pair, its addresses fetched."""
    return pair_of(wildcards).here(RESULTS)


def files_of(pairs):
    """A text that changes with what is in the files that pairs are stylized from, whatever their times say."""
    names = {path for pair in pairs for path in pair.pictures}
    names |= {pair.settings.weights for pair in pairs} - PATHS["weights"]
    told = "\n".join(
        f"{redacted(name)}\t{FILES.digest(name)}" for name in sorted(names)
    )
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def addresses():
    """The addresses that are yet to be fetched, without passwords and signatures, by the names of their copies.

    A copy that is there is a file like any other: a grid is stylized to its end, and again, without its pictures' servers.
    """
    named = {path for pair in PAIRS.values() for path in pair.pictures if is_url(path)}
    copies = {Path(local(path, RESULTS)): path for path in sorted(named)}
    missing = {copy.name: path for copy, path in copies.items() if not copy.exists()}
    for path in missing.values():
        hide(path)
    return {name: redacted(path) for name, path in missing.items()}


def fetched(settings):
    """Whether a pair needs weights that are downloaded: neither those of the installation nor a file of the user's."""
    return weight_files.downloaded(settings.network, settings.weights)


def weights_of(wildcards):
    """What the `weights` rule leaves of a pair's network, where its weights are downloaded."""
    return weights_for([pair_of(wildcards)])


def weights_of_bundle(wildcards):
    return weights_for(bundle_of(wildcards).pairs)


def weights_for(pairs):
    wanted = {
        (pair.settings.network, pair.settings.weights)
        for pair in pairs
        if fetched(pair.settings)
    }
    return [
        ancient(f"{RESULTS}/weights/{network}-{kind}.json")
        for network, kind in sorted(wanted)
    ]


def weights_are_lost(network, kind):
    """Whether the weights that were fetched once are gone while there is something left to stylize."""
    if not Path(f"{RESULTS}/weights/{network}-{kind}.json").exists():
        return False
    try:
        if weight_files.find(network, kind).is_file():
            return False
    except NstError:  # the folder of the environment has none: the rule will say so
        pass
    return any(
        (pair.settings.network, pair.settings.weights) == (network, kind)
        and not Path(pair.image(RESULTS, CONFIG.format)).exists()
        for pair in PAIRS.values()
    )


def cost_of(wildcards):
    """About how many seconds and megabytes a pair takes on one core."""
    pair = pair_of(wildcards)
    return estimate(pair.settings, FILES.size(pair.content), 1)


def minutes_of(wildcards, attempt):
    return minutes(cost_of(wildcards)[0], attempt)


def megabytes_of(wildcards, attempt):
    return megabytes(cost_of(wildcards)[1], attempt)


def minutes_of_bundle(wildcards, attempt):
    return minutes(bundle_of(wildcards).seconds, attempt)


def megabytes_of_bundle(wildcards, attempt):
    return megabytes(bundle_of(wildcards).megabytes, attempt)


def threads_of_a_pair():
    """All cores where pairs are few; else one each, so that as many pictures as cores are stylized at once.

    One each on GPUs too: a job's core reads and encodes, and pictures that wait together are stylized together.
    """
    if CONFIG.device in ("auto", "cuda") and gpus.available():
        return CONFIG.threads or 1
    return CONFIG.threads or max(1, all_cores() // len(PAIRS))


def all_cores():
    """Of this machine as far as they were given; on a cluster one, here as on the node, unless the profile says more."""
    try:
        return 1 if CONFIG.bundle else workflow.cores
    except WorkflowError:  # a cluster without bundles
        return 1


def pictures(names):
    """What stands for pictures that are stylized: they themselves, or the bundles that they are in.

    A picture of a finished bundle that is no longer there is stylized by itself.
    """
    images = {name: PAIRS[name].image(RESULTS, CONFIG.format) for name in names}
    if not BUNDLES:
        return list(images.values())
    wanted = {BUNDLED[name]: BUNDLES[BUNDLED[name]].marker(RESULTS) for name in names}
    finished = {bundle for bundle, file in wanted.items() if Path(file).exists()}
    gone = [
        image
        for name, image in images.items()
        if BUNDLED[name] in finished and not Path(image).exists()
    ]
    return [*wanted.values(), *gone]


def snapshots_of(wildcards):
    """What stands for a pair's snapshots."""
    name = pair_of(wildcards).id
    return pictures([name]) if BUNDLES else [f"{RESULTS}/pairs/{name}/snapshots"]


def files_of_bundle(wildcards):
    """Every picture that a bundle's pairs are stylized from, once."""
    named = (path for pair in bundle_of(wildcards).pairs for path in pair.pictures)
    return [local(path, RESULTS) for path in dict.fromkeys(named)]


def all_pictures(wildcards):
    """Every picture. A function, for Snakemake hashes a list of 10,000 files as often as it has files."""
    return pictures(PAIRS)


def show_what_is_there():
    """Make the gallery where the rule that does cannot, for it needs every picture; not of a run that was stopped."""
    jobs, scheduler = workflow.dag.needrun_jobs(), workflow.scheduler
    asked = any(job.rule.name == "gallery" for job in jobs)
    if (
        asked
        and scheduler.failed
        and not scheduler.running
        and Path(f"{RESULTS}/grid.csv").exists()
    ):
        logger.info("The gallery is made of what is there.")
        command = ["gallery", f"{RESULTS}/grid.csv", "-o", f"{RESULTS}/gallery"]
        command += ["--work", f"{RESULTS}/.work/.gallery", "--processes", all_cores()]
        subprocess.run([sys.executable, "-m", "nst", *map(str, command)])


def tidy_work():
    """Remove what killed jobs left, and the links to the results of jobs that Snakemake knows to be complete.

    Those of any other job are what its picture is restored from: Snakemake deletes the outputs of jobs that were running
    when it was killed, also of those that have ended well since.
    """
    work = Path(f"{RESULTS}/.work")
    jobs = {
        "/".join(job.wildcards): job
        for job in workflow.dag.jobs
        if job.rule.name == "stylize"
    }
    for name in work_folder.finished(work):
        job = jobs.get(name)
        complete = job and Path(f"{RESULTS}/pairs/{name}/run.json").exists()
        if complete and not asyncio.run(workflow.persistence.incomplete(job)):
            work_folder.release(work / name)
    work_folder.sweep(work)


@atexit.register
def tidy_work_of_this_run():
    """Tidy where this process has run the grid: where there was nothing to do, no hook of Snakemake's is called."""
    ran = getattr(workflow, "scheduler", None) is not None
    if ran and workflow.is_main_process and not workflow.dryrun:
        tidy_work()


def tell_the_end(failed=False):
    """Remove the sheets and plots of an earlier grid, and print what this run made."""
    snapshots = [name for name, pair in PAIRS.items() if has_snapshots(pair)]
    removed = len(leftovers.forget(RESULTS, sheet_names(), snapshots))
    where = (RESULTS, CONFIG.format, STARTED)
    for line in ending.summary(PAIRS.values(), *where, removed=removed, failed=failed):
        logger.info(line)


def all_clips(wildcards):
    """Every animation."""
    kinds = ["mp4"] * (CONFIG.video == "mp4") + ["gif"] * (not BUNDLES)
    clips = [
        f"{pair.folder(RESULTS)}/animation.{kind}"
        for pair in PAIRS.values()
        for kind in kinds
    ]
    return [*clips, *(pictures(PAIRS) if BUNDLES else [])]


def sheet_names():
    """The sheets' names, and those of their pairs' plots: as `nst.summaries.records.sheet_groups` has them."""
    return [*MATRICES, *(f"sweeps/{name}" for name in SWEEPS)]


def all_sheets(wildcards):
    """A sheet for each settings-name, and one for each content and style that has several."""
    return [f"{RESULTS}/sheets/{name}.png" for name in sheet_names()]


def snapshot_sheets(wildcards):
    """A sheet for each pair that keeps snapshots."""
    return [
        f"{RESULTS}/sheets/snapshots/{name}.png"
        for name, pair in PAIRS.items()
        if has_snapshots(pair)
    ]


def has_snapshots(pair):
    return 0 < pair.settings.snapshot_interval <= pair.settings.iterations


def all_plots(wildcards):
    """The loss curves of the pairs of each sheet, and the errors of all."""
    curves = [f"{RESULTS}/plots/losses/{name}.png" for name in sheet_names()]
    return [*curves, f"{RESULTS}/plots/errors.png"]
