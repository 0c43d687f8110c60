rule pairs:
    """Every picture of the manifest."""
    input:
        all_pictures,


rule stylize:
    """Stylize one pair: content, style(s) and settings to a picture, its losses, frames, animation and run record."""
    input:
        pictures=lambda wildcards: here(wildcards).pictures,
        weights=weights_of,
    output:
        image=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/image.{CONFIG.format}",
        losses=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/losses.csv",
        run=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/run.json",
        animation=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/animation.gif",
        snapshots=directory(
            f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/snapshots"
        ),
    log:
        f"{RESULTS}/logs/stylize/{{content}}/{{style}}/{{settings}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/stylize/{{content}}/{{style}}/{{settings}}.tsv"
    retries: 1
    threads: threads_of_a_pair()
    resources:
        mem_mb=megabytes_of,
        runtime=minutes_of,
        device=CONFIG.device,  # a resource: another device is no reason to stylize again
    params:
        content=lambda wildcards: here(wildcards).content,
        style=lambda wildcards: style_arguments(here(wildcards)),
        settings=lambda wildcards: arguments(here(wildcards)),
        files=lambda wildcards: files_of([pair_of(wildcards)]),
        algorithm=ALGORITHM,
        record=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}",
        # Outside the outputs, which Snakemake deletes before a retry: an interrupted run goes on from here.
        work=f"{RESULTS}/.work/{{content}}/{{style}}/{{settings}}",
        id="{content}/{style}/{settings}",
        presets=CONFIG.presets,
    shell:
        # Snakemake deletes what a job has left that it has lost sight of: links in the work folder outlive that.
        "nst stylize --unless-done --keep-work -o {output.image:q} --record {params.record:q} --work {params.work:q} --id {params.id:q}"
        " --device {resources.device} --threads {threads} --presets {params.presets:q} {params.settings:q}"
        " -- {params.content:q} {params.style:q} > {log:q} 2>&1"


rule bundle:
    """Stylize many pairs in one job of a cluster; what fails stops no other, what is stylized stays."""
    input:
        files=files_of_bundle,
        weights=weights_of_bundle,
    output:
        f"{RESULTS}/bundles/{{bundle}}.json",  # the pictures are none: Snakemake would delete all if one failed
    log:
        f"{RESULTS}/logs/bundles/{{bundle}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bundles/{{bundle}}.tsv"
    threads: CONFIG.threads or 1
    resources:
        mem_mb=megabytes_of_bundle,
        runtime=minutes_of_bundle,
        device=CONFIG.device,
        attempt=lambda wildcards, attempt: attempt,
    params:
        files=lambda wildcards: files_of(bundle_of(wildcards).pairs),
        algorithm=ALGORITHM,
        manifest=CONFIG.manifest,  # no input: what of it counts is in the bundle's name
        config=config_of_grid(),
        work=f"{RESULTS}/.work",
        logs=f"{RESULTS}/logs/stylize",
    shell:
        "printf '%s' {params.config:q} | nst bundle {params.manifest:q} {wildcards.bundle} --config /dev/stdin"
        " -o {output:q} --work {params.work:q} --logs {params.logs:q}"
        " --attempt {resources.attempt} --device {resources.device} --threads {threads} > {log:q} 2>&1"


rule animations:
    """The animation of every pair."""
    input:
        all_clips,


rule video:
    """The frames of a pair as a video: made later, it stylizes nothing again."""
    input:
        snapshots_of,
    output:
        f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/animation.mp4",
    log:
        f"{RESULTS}/logs/video/{{content}}/{{style}}/{{settings}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/video/{{content}}/{{style}}/{{settings}}.tsv"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        frames=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}/snapshots/frames",
        frame_rate=lambda wildcards: pair_of(wildcards).settings.frame_rate,
        end_pause=lambda wildcards: pair_of(wildcards).settings.end_pause,
    shell:
        "nst animate {params.frames:q} -o {output:q} --frame-rate {params.frame_rate} --end-pause {params.end_pause}"
        " > {log:q} 2>&1"
