rule pairs:
    """Every picture of the manifest."""
    input:
        get_all_images,


rule stylize:
    """Stylize one pair: content, style(s) and settings to a picture, its losses, frames, animation and run record."""
    input:
        pictures=get_pictures,
        weights=get_weights,
    output:
        image=IMAGE,
        losses=f"{PAIR}/{layout.LOSSES}",
        run=f"{PAIR}/{layout.RUN}",
        animation=f"{PAIR}/{layout.ANIMATION}",
        snapshots=directory(f"{PAIR}/{layout.SNAPSHOTS}"),
    log:
        f"{LOGS}/stylize/{ID}.log",
    benchmark:
        f"{BENCHMARKS}/stylize/{ID}.tsv"
    retries: 1
    threads: threads_of_a_pair()
    resources:
        mem_mb=get_megabytes,
        runtime=get_minutes,
        device=CONFIG.device,  # a resource: another device is no reason to stylize again
    params:
        command=get_command,
        files=lambda wildcards: hash_of_files([get_pair(wildcards)]),
        algorithm=ALGORITHM,
    shell:
        # --keep-work: Snakemake deletes the outputs of a job that it lost track of; links in the work folder survive.
        "nst stylize --keep-work --device {resources.device} --threads {threads} {params.command:q} > {log:q} 2>&1"


rule bundle:
    """Stylize many pairs in one job of a cluster; what fails stops no other, what is stylized stays."""
    input:
        files=get_bundle_files,
        weights=get_bundle_weights,
    output:
        BUNDLE,  # the images are none: Snakemake would delete all if one failed
    log:
        f"{LOGS}/bundles/{{bundle}}.log",
    benchmark:
        f"{BENCHMARKS}/bundles/{{bundle}}.tsv"
    threads: CONFIG.threads or 1
    resources:
        mem_mb=get_bundle_megabytes,
        runtime=get_bundle_minutes,
        device=CONFIG.device,
        attempt=get_attempt,
    params:
        files=lambda wildcards: hash_of_files(get_bundle(wildcards).pairs),
        algorithm=ALGORITHM,
        manifest=CONFIG.manifest,  # no input: what of it counts is in the bundle's name
        config=config_of_grid(),
        work=WORK,
        logs=f"{LOGS}/stylize",
    shell:
        "printf '%s' {params.config:q} | nst bundle {params.manifest:q} {wildcards.bundle} --config /dev/stdin"
        " -o {output:q} --work {params.work:q} --logs {params.logs:q}"
        " --attempt {resources.attempt} --device {resources.device} --threads {threads} > {log:q} 2>&1"


rule animations:
    """The animation of every pair."""
    input:
        get_clips,


rule video:
    """The frames of a pair as a video: made later, it stylizes nothing again."""
    input:
        get_snapshots,
    output:
        f"{PAIR}/{layout.VIDEO}",
    log:
        f"{LOGS}/video/{ID}.log",
    benchmark:
        f"{BENCHMARKS}/video/{ID}.tsv"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        frames=f"{PAIR}/{layout.FRAMES}",
        frame_rate=lambda wildcards: get_pair(wildcards).settings.frame_rate,
        end_pause=lambda wildcards: get_pair(wildcards).settings.end_pause,
    shell:
        "nst animate {params.frames:q} -o {output:q} --frame-rate {params.frame_rate} --end-pause {params.end_pause}"
        " > {log:q} 2>&1"
