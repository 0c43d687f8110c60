"""Inputs, params and resources of the rules. What the rules do is in the package."""

from nst.grid import plan
from nst.grid.bundles import find, fingerprint
from nst.grid.command_line import stylize_arguments
from nst.grid.estimate import estimate, megabytes, minutes
from nst.grid.inputs import is_url, local
from nst.machine import gpus
from nst.version import ALGORITHM


def get_pair(wildcards):
    return PAIRS[f"{wildcards.content}/{wildcards.style}/{wildcards.settings}"]


def get_pictures(wildcards):
    """The images that a pair needs; URLs are replaced by their copies."""
    return [get_input(path) for path in get_pair(wildcards).pictures]


def get_input(path):
    """The local file of an image. Its time stamp does not matter, unless it is the copy of a URL.

    A param has the hash of its contents. Snakemake would compare contents only of files of up to a megabyte, and
    stylize others again after a copy.
    """
    return local(path, RESULTS) if is_url(path) else ancient(path)


def get_command(wildcards):
    """The arguments of `nst stylize` for a pair, without those that depend on the machine.

    The work folder is outside the outputs, which Snakemake deletes before a retry: an interrupted run resumes from it.
    """
    pair = get_pair(wildcards)
    return stylize_arguments(pair, CONFIG, f"{WORK}/{pair.id}")


def get_bundle(wildcards):
    return checked(find, wildcards.bundle, BUNDLES.values(), CONFIG.manifest)


def get_images(names):
    """The files that exist when pairs are stylized: their images, or the markers of their bundles.

    If an image of a finished bundle is missing, the rule `stylize` makes it.
    """
    images = {name: PAIRS[name].image(RESULTS, CONFIG.format) for name in names}
    if not BUNDLES:
        return list(images.values())
    bundles = {name: BUNDLES[BUNDLE_OF[name]].marker(RESULTS) for name in names}
    finished = {file for file in bundles.values() if Path(file).exists()}
    lost = [
        image
        for name, image in images.items()
        if bundles[name] in finished and not Path(image).exists()
    ]
    return [*dict.fromkeys(bundles.values()), *lost]


def get_all_images(wildcards):
    """Every image. A function, because Snakemake would hash a list of 10,000 files 10,000 times."""
    return get_images(PAIRS)


def get_matrix_images(wildcards):
    return get_images(MATRICES[wildcards.settings])


def get_sweep_images(wildcards):
    return get_images(SWEEPS[wildcards.pictures])


def get_sweep_pair(wildcards):
    """The first pair of a sweep, for the names of its content and style."""
    return PAIRS[SWEEPS[wildcards.pictures][0]]


def get_snapshots(wildcards):
    """The file or folder that exists when a pair's snapshots do."""
    name = get_pair(wildcards).id
    if BUNDLES:
        return get_images([name])
    return [f"{layout.pair_folder(RESULTS, name)}/{layout.SNAPSHOTS}"]


def get_ratings(wildcards):
    """The file of ratings, if there is one."""
    path = f"{RESULTS}/{layout.RATINGS}"
    return [path] if Path(path).exists() else []


def get_clips(wildcards):
    """Every animation."""
    kinds = [layout.VIDEO] * (CONFIG.video == "mp4") + [layout.ANIMATION] * (
        not BUNDLES
    )
    clips = [
        f"{pair.folder(RESULTS)}/{kind}" for pair in PAIRS.values() for kind in kinds
    ]
    return [*clips, *(get_images(PAIRS) if BUNDLES else [])]


def get_sheet_names():
    """The names of sheets, and of the plots of their pairs' losses."""
    return [*MATRICES, *(f"sweeps/{name}" for name in SWEEPS)]


def get_sheets(wildcards):
    return [f"{SHEETS}/{name}.png" for name in get_sheet_names()]


def get_snapshot_sheets(wildcards):
    """A sheet for each pair that keeps snapshots."""
    return [f"{SNAPSHOT_SHEETS}/{name}.png" for name in names_with_snapshots()]


def names_with_snapshots():
    return [
        name
        for name, pair in PAIRS.items()
        if 0 < pair.settings.snapshot_interval <= pair.settings.iterations
    ]


def get_plots(wildcards):
    """Loss curves of the pairs of each sheet, and the errors of all."""
    return [
        *(f"{LOSS_PLOTS}/{name}.png" for name in get_sheet_names()),
        f"{PLOTS}/errors.png",
    ]


def get_weights(wildcards):
    """The record that the rule `weights` writes about a pair's network, if its weights are downloaded."""
    return weight_records([get_pair(wildcards)])


def get_bundle_weights(wildcards):
    return weight_records(get_bundle(wildcards).pairs)


def weight_records(pairs):
    return [
        ancient(WEIGHTS.format(network=network, source=source))
        for network, source in plan.weights_to_download(pairs)
    ]


def weights_are_lost(wildcards):
    """Whether downloaded weights were deleted although some pairs with them are not stylized yet."""
    weights = (wildcards.network, wildcards.source)
    record = Path(WEIGHTS.format(network=weights[0], source=weights[1]))
    if not record.exists() or plan.has_weights(*weights):
        return False
    return any(
        (pair.settings.network, pair.settings.weights) == weights
        and not Path(pair.image(RESULTS, CONFIG.format)).exists()
        for pair in PAIRS.values()
    )


def get_bundle_files(wildcards):
    """Every image that a bundle's pairs need, once."""
    paths = (path for pair in get_bundle(wildcards).pairs for path in pair.pictures)
    return [get_input(path) for path in dict.fromkeys(paths)]


def hash_of_files(pairs):
    """A hash of the files that pairs need: Snakemake would only compare their modification times."""
    return plan.hash_of_files(pairs, FILES)


def config_of_grid():
    """The part of the configuration on which grid.csv depends."""
    unused = {"worker", "video", "rank_by"} | (
        set() if BUNDLES else {"device", "threads"}
    )
    return CONFIG.model_dump_json(exclude=unused)


def get_cost(wildcards):
    """A pair's estimated seconds and megabytes on one core."""
    pair = get_pair(wildcards)
    styles = len(pair.styles)
    return estimate(pair.settings, FILES.size(pair.content), 1, styles=styles)


def get_minutes(wildcards, attempt):
    return minutes(get_cost(wildcards)[0], attempt)


def get_megabytes(wildcards, attempt):
    return megabytes(get_cost(wildcards)[1], attempt)


def get_bundle_minutes(wildcards, attempt):
    return minutes(get_bundle(wildcards).seconds, attempt)


def get_bundle_megabytes(wildcards, attempt):
    return megabytes(get_bundle(wildcards).megabytes, attempt)


def get_attempt(wildcards, attempt):
    return attempt


def threads_of_a_pair():
    """CPU threads per pair: all cores divided by the number of pairs, at least 1.

    On a GPU 1: a job's thread only reads and writes files, and queued pairs are optimized as one batch.
    """
    if gpus.for_device(CONFIG.device):
        return CONFIG.threads or 1
    return CONFIG.threads or max(1, all_cores() // len(PAIRS))


def all_cores():
    """The cores given to Snakemake on this machine; one on a cluster, whose profile may set more."""
    try:
        return 1 if CONFIG.bundle else workflow.cores
    except WorkflowError:  # a cluster without bundles
        return 1
