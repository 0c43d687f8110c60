rule weights:
    """Fetch torchvision's ImageNet weights once, where there is internet: nodes that paint may have none."""
    output:
        # A record, not the weights: another place of theirs is no reason to paint a finished grid again.
        f"{RESULTS}/weights/{{network}}.json",
    log:
        f"{RESULTS}/logs/weights/{{network}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/weights/{{network}}.tsv"
    retries: 2
    localrule: True
    conda:
        "../envs/nst.yaml"
    params:
        lost=lambda wildcards: weights_are_lost(wildcards.network),
    shell:
        "nst weights {wildcards.network:q} --record {output:q} > {log:q} 2>&1"
