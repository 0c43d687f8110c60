rule weights:
    """Download torchvision's weights once, on the submitting machine: cluster nodes may have no internet access."""
    output:
        # A record, not the weights: moving the weights must not invalidate a finished grid.
        WEIGHTS,
    log:
        f"{LOGS}/weights/{{network}}-{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/weights/{{network}}-{{source}}.tsv"
    retries: 2
    localrule: True
    params:
        lost=weights_are_lost,
    shell:
        "nst weights {wildcards.network:q} --weights {wildcards.source:q} --record {output:q} > {log:q} 2>&1"


rule fetch:
    """Download an image from a URL of the manifest once, on the submitting machine."""
    output:
        DOWNLOADS,
    log:
        f"{LOGS}/fetch/{{url}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch/{{url}}.tsv"
    retries: 2
    localrule: True
    params:
        url=lambda wildcards: URLS[wildcards.url],
    shell:
        "nst fetch {params.url:q} -o {output:q} > {log:q} 2>&1"
