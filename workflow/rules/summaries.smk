rule grid:
    """The table of all pairs: one line per pair with its files and settings."""
    input:
        manifest=CONFIG.manifest,
    output:
        GRID,
    log:
        f"{LOGS}/grid.log",
    benchmark:
        f"{BENCHMARKS}/grid.tsv"
    localrule: True
    params:
        config=config_of_grid(),
        pairs=fingerprint(PAIRS.values()),  # globs may match new images although the manifest is unchanged
    shell:
        "printf '%s' {params.config:q} | nst grid {input.manifest:q} --config /dev/stdin --csv > {output:q} 2> {log:q}"


rule tables:
    """The comparison of all pairs."""
    input:
        comparison=f"{TABLES}/comparison.csv",


rule compare:
    """Tables of losses, metrics, times and ranks of all pairs, and one for each setting that varies."""
    input:
        grid=rules.grid.output,
        images=get_all_images,
        ratings=get_ratings,
    output:
        table=f"{TABLES}/comparison.csv",
        page=report(
            f"{RESULTS}/{layout.TABLE}",
            caption="../report/comparison.rst",
            category="Tables",
            labels={"shows": "all pairs, compared"},
        ),
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    params:
        folder=subpath(output.table, parent=True),
        rank_by=CONFIG.rank_by,
    shell:
        "nst tables {input.grid:q} -o {params.folder:q} --rank-by {params.rank_by:q} > {log:q} 2>&1"


rule gallery:
    """The gallery: open gallery/index.html."""
    input:
        grid=rules.grid.output,
        table=rules.compare.output.table,  # depends on all images
        clips=get_clips,
        ratings=get_ratings,
    output:
        report(
            directory(GALLERY),
            htmlindex="index.html",
            caption="../report/gallery.rst",
            category="Gallery",
            labels={"shows": "all pairs, with their images"},
        ),
    log:
        f"{LOGS}/gallery.log",
    benchmark:
        f"{BENCHMARKS}/gallery.tsv"
    threads: all_cores()
    params:
        # Snakemake deletes the output first; unchanged folders are reused from here.
        work=GALLERY_WORK,
        rank_by=CONFIG.rank_by,
    shell:
        "nst gallery {input.grid:q} -o {output:q} --rank-by {params.rank_by:q} --work {params.work:q}"
        " --processes {threads} > {log:q} 2>&1"


rule sheets:
    """All contact sheets."""
    input:
        get_sheets,
        get_snapshot_sheets,


rule sheet:
    """A contact sheet of contents × styles with the same settings."""
    input:
        grid=rules.grid.output,
        images=get_matrix_images,
    output:
        picture=report(
            f"{SHEETS}/{{settings}}.png",
            caption="../report/sheet.rst",
            category="Sheets",
            labels={"settings": "{settings}"},
        ),
        page=f"{SHEETS}/{{settings}}.html",
    log:
        f"{LOGS}/sheets/{{settings}}.log",
    benchmark:
        f"{BENCHMARKS}/sheets/{{settings}}.tsv"
    shell:
        "nst sheet {input.grid:q} --settings {wildcards.settings:q} -o {output.picture:q} -o {output.page:q}"
        " > {log:q} 2>&1"


rule sweep_sheet:
    """A contact sheet of one content and style with all of its settings."""
    input:
        grid=rules.grid.output,
        images=get_sweep_images,
    output:
        picture=report(
            f"{SHEETS}/sweeps/{{pictures}}.png",
            caption="../report/sweep.rst",
            category="Sweeps",
            labels={"pictures": "{pictures}"},
        ),
        page=f"{SHEETS}/sweeps/{{pictures}}.html",
    log:
        f"{LOGS}/sheets/sweeps/{{pictures}}.log",
    benchmark:
        f"{BENCHMARKS}/sheets/sweeps/{{pictures}}.tsv"
    params:
        content=lambda wildcards: get_sweep_pair(wildcards).content_name,
        style=lambda wildcards: get_sweep_pair(wildcards).style_name,
        rank_by=CONFIG.rank_by,
    shell:
        "nst sheet {input.grid:q} --content {params.content:q} --style {params.style:q}"
        " --rank-by {params.rank_by:q} -o {output.picture:q} -o {output.page:q} > {log:q} 2>&1"


rule snapshot_sheet:
    """A contact sheet of the snapshots of one pair."""
    input:
        get_snapshots,
    output:
        f"{SNAPSHOT_SHEETS}/{ID}.png",
    log:
        f"{LOGS}/sheets/snapshots/{ID}.log",
    benchmark:
        f"{BENCHMARKS}/sheets/snapshots/{ID}.tsv"
    params:
        folder=PAIR,
    shell:
        "nst sheet --snapshots {params.folder:q} -o {output:q} > {log:q} 2>&1"


rule plots:
    """All plots."""
    input:
        get_plots,


rule plot_losses:
    """The loss curves of all pairs with the same settings."""
    input:
        grid=rules.grid.output,
        images=get_matrix_images,
    output:
        f"{LOSS_PLOTS}/{{settings}}.png",
    log:
        f"{LOGS}/plots/{{settings}}.log",
    benchmark:
        f"{BENCHMARKS}/plots/{{settings}}.tsv"
    shell:
        "nst plot {input.grid:q} --settings {wildcards.settings:q} -o {output:q} > {log:q} 2>&1"


rule plot_sweep_losses:
    """The loss curves of one content and style with all of its settings."""
    input:
        grid=rules.grid.output,
        images=get_sweep_images,
    output:
        f"{LOSS_PLOTS}/sweeps/{{pictures}}.png",
    log:
        f"{LOGS}/plots/sweeps/{{pictures}}.log",
    benchmark:
        f"{BENCHMARKS}/plots/sweeps/{{pictures}}.tsv"
    params:
        content=lambda wildcards: get_sweep_pair(wildcards).content_name,
        style=lambda wildcards: get_sweep_pair(wildcards).style_name,
    shell:
        "nst plot {input.grid:q} --content {params.content:q} --style {params.style:q}"
        " -o {output:q} > {log:q} 2>&1"


rule plot_errors:
    """Content error against style error of all pairs, with the Pareto fronts."""
    input:
        grid=rules.grid.output,
        table=rules.compare.output.table,  # depends on all images
    output:
        report(
            f"{PLOTS}/errors.png",
            caption="../report/errors.rst",
            category="Tables",
            labels={"shows": "content error and style error"},
        ),
    log:
        f"{LOGS}/errors.log",
    benchmark:
        f"{BENCHMARKS}/errors.tsv"
    shell:
        "nst plot {input.grid:q} --errors -o {output:q} > {log:q} 2>&1"
