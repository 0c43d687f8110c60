rule weights:
    """Download torchvision's ImageNet weights once, where there is internet: nodes that stylize may have none."""
    output:
        # A record, not the weights: another place of theirs is no reason to stylize a finished grid again.
        f"{RESULTS}/weights/{{network}}-{{kind}}.json",
    log:
        f"{RESULTS}/logs/weights/{{network}}-{{kind}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/weights/{{network}}-{{kind}}.tsv"
    retries: 2
    localrule: True
    params:
        lost=lambda wildcards: weights_are_lost(wildcards.network, wildcards.kind),
    shell:
        "nst weights {wildcards.network:q} --weights {wildcards.kind:q} --record {output:q} > {log:q} 2>&1"


rule fetch:
    """Fetch a picture that the manifest names by its address, once, where there is internet."""
    output:
        f"{RESULTS}/inputs/{{address}}",
    log:
        f"{RESULTS}/logs/fetch/{{address}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch/{{address}}.tsv"
    retries: 2
    localrule: True
    params:
        address=lambda wildcards: ADDRESSES[wildcards.address],
    shell:
        "nst fetch {params.address:q} -o {output:q} > {log:q} 2>&1"
