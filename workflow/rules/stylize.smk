rule pairs:
    """All images."""
    input:
        get_all_images,


rule stylize:
    """Stylize one pair: the image, its losses, animation, snapshots and record."""
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
        device=CONFIG.device,  # not a param: another device does not invalidate results
    params:
        command=get_command,
        files=lambda wildcards: hash_of_files([get_pair(wildcards)]),
        algorithm=ALGORITHM,
    shell:
        # --keep-work: Snakemake deletes the outputs of a job that it lost track of; links in the work folder survive.
        "nst stylize --keep-work --device {resources.device} --threads {threads} {params.command:q} > {log:q} 2>&1"


rule bundle:
    """Stylize many pairs in one cluster job. A failed pair does not stop the others."""
    input:
        files=get_bundle_files,
        weights=get_bundle_weights,
    output:
        BUNDLE,  # images are not outputs: Snakemake would delete all if one failed
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
        manifest=CONFIG.manifest,  # not an input: relevant changes change the bundle's name
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
    """The frames of a pair as a video. Adding videos later does not stylize pairs again."""
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
