rule weights:
    """Download torchvision's ImageNet weights once, where there is internet: nodes that stylize may have none."""
    output:
        # A record, not the weights: another place of theirs is no reason to stylize a finished grid again.
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
    """Fetch an image that the manifest names by its URL, once, where there is internet."""
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
