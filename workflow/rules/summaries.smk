rule grid:
    """One line a pair: its id, files and every setting."""
    input:
        manifest=CONFIG.manifest,
    output:
        f"{RESULTS}/grid.csv",
    log:
        f"{RESULTS}/logs/grid.log",
    benchmark:
        f"{RESULTS}/benchmarks/grid.tsv"
    localrule: True
    params:
        config=config_of_grid(),
        pairs=fingerprint(PAIRS.values()),  # a glob may find new pictures while the manifest stays
    shell:
        "printf '%s' {params.config:q} | nst grid {input.manifest:q} --config /dev/stdin --csv > {output:q} 2> {log:q}"


rule tables:
    """The pairs compared."""
    input:
        comparison=f"{RESULTS}/tables/comparison.csv",


rule compare:
    """Losses, metrics, times and ranks of all pairs, and a table for each setting that varies."""
    input:
        grid=rules.grid.output,
        pictures=all_pictures,
    output:
        table=f"{RESULTS}/tables/comparison.csv",
        page=report(
            f"{RESULTS}/tables/comparison.html",
            caption="../report/comparison.rst",
            category="Tables",
            labels={"shows": "all pairs, compared"},
        ),
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables.tsv"
    params:
        folder=subpath(output.table, parent=True),
    shell:
        "nst tables {input.grid:q} -o {params.folder:q} > {log:q} 2>&1"


rule gallery:
    """A page that shows every pair: open gallery/index.html."""
    input:
        grid=rules.grid.output,
        table=rules.compare.output.table,  # stands for all pictures, which it is made from
        clips=all_clips,
    output:
        report(
            directory(f"{RESULTS}/gallery"),
            htmlindex="index.html",
            caption="../report/gallery.rst",
            category="Gallery",
            labels={"shows": "all pairs, with their pictures"},
        ),
    log:
        f"{RESULTS}/logs/gallery.log",
    benchmark:
        f"{RESULTS}/benchmarks/gallery.tsv"
    threads: all_cores()
    params:
        # Outside the output, which Snakemake deletes first: what has not changed is not made again.
        work=f"{RESULTS}/.work/.gallery",
    shell:
        "nst gallery {input.grid:q} -o {output:q} --work {params.work:q} --processes {threads} > {log:q} 2>&1"


rule sheets:
    """Contents × styles for each of the settings, and a sheet over the settings for each content and style."""
    input:
        all_sheets,
        snapshot_sheets,


rule sheet:
    """Contents × styles with the same settings, like a paper's figure."""
    input:
        grid=rules.grid.output,
        pictures=lambda wildcards: pictures(MATRICES[wildcards.settings]),
    output:
        picture=report(
            f"{RESULTS}/sheets/{{settings}}.png",
            caption="../report/sheet.rst",
            category="Sheets",
            labels={"settings": "{settings}"},
        ),
        page=f"{RESULTS}/sheets/{{settings}}.html",
    log:
        f"{RESULTS}/logs/sheets/{{settings}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sheets/{{settings}}.tsv"
    shell:
        "nst sheet {input.grid:q} --settings {wildcards.settings:q} -o {output.picture:q} -o {output.page:q}"
        " > {log:q} 2>&1"


rule sweep_sheet:
    """One content and style over the settings that vary."""
    input:
        grid=rules.grid.output,
        pictures=lambda wildcards: pictures(SWEEPS[wildcards.pictures]),
    output:
        picture=report(
            f"{RESULTS}/sheets/sweeps/{{pictures}}.png",
            caption="../report/sweep.rst",
            category="Sweeps",
            labels={"pictures": "{pictures}"},
        ),
        page=f"{RESULTS}/sheets/sweeps/{{pictures}}.html",
    log:
        f"{RESULTS}/logs/sheets/sweeps/{{pictures}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sheets/sweeps/{{pictures}}.tsv"
    params:
        content=lambda wildcards: PAIRS[SWEEPS[wildcards.pictures][0]].content_name,
        style=lambda wildcards: PAIRS[SWEEPS[wildcards.pictures][0]].style_name,
    shell:
        "nst sheet {input.grid:q} --content {params.content:q} --style {params.style:q}"
        " -o {output.picture:q} -o {output.page:q} > {log:q} 2>&1"


rule snapshot_sheet:
    """The snapshots of one pair side by side."""
    input:
        snapshots_of,
    output:
        f"{RESULTS}/sheets/snapshots/{{content}}/{{style}}/{{settings}}.png",
    log:
        f"{RESULTS}/logs/sheets/snapshots/{{content}}/{{style}}/{{settings}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sheets/snapshots/{{content}}/{{style}}/{{settings}}.tsv"
    params:
        folder=f"{RESULTS}/pairs/{{content}}/{{style}}/{{settings}}",
    shell:
        "nst sheet --snapshots {params.folder:q} -o {output:q} > {log:q} 2>&1"


rule plots:
    """Loss curves of the pairs of each sheet, and content error against style error."""
    input:
        all_plots,


rule plot_losses:
    """The loss curves of all pairs with the same settings."""
    input:
        grid=rules.grid.output,
        pictures=lambda wildcards: pictures(MATRICES[wildcards.settings]),
    output:
        f"{RESULTS}/plots/losses/{{settings}}.png",
    log:
        f"{RESULTS}/logs/plots/{{settings}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plots/{{settings}}.tsv"
    shell:
        "nst plot {input.grid:q} --settings {wildcards.settings:q} -o {output:q} > {log:q} 2>&1"


rule plot_sweep_losses:
    """The loss curves of one content and style with all of its settings."""
    input:
        grid=rules.grid.output,
        pictures=lambda wildcards: pictures(SWEEPS[wildcards.pictures]),
    output:
        f"{RESULTS}/plots/losses/sweeps/{{pictures}}.png",
    log:
        f"{RESULTS}/logs/plots/sweeps/{{pictures}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plots/sweeps/{{pictures}}.tsv"
    params:
        content=lambda wildcards: PAIRS[SWEEPS[wildcards.pictures][0]].content_name,
        style=lambda wildcards: PAIRS[SWEEPS[wildcards.pictures][0]].style_name,
    shell:
        "nst plot {input.grid:q} --content {params.content:q} --style {params.style:q}"
        " -o {output:q} > {log:q} 2>&1"


rule plot_errors:
    """Content error against style error of all pairs, with the Pareto fronts."""
    input:
        grid=rules.grid.output,
        table=rules.compare.output.table,  # stands for all pictures, which it is made from
    output:
        report(
            f"{RESULTS}/plots/errors.png",
            caption="../report/errors.rst",
            category="Tables",
            labels={"shows": "content error and style error"},
        ),
    log:
        f"{RESULTS}/logs/errors.log",
    benchmark:
        f"{RESULTS}/benchmarks/errors.tsv"
    shell:
        "nst plot {input.grid:q} --errors -o {output:q} > {log:q} 2>&1"
