rule weights:
    """Fetch torchvision's ImageNet weights once, where there is internet: nodes that paint may have none."""
    output:
        f"{weights.cache()}/{{network}}-imagenet.pth",
    log:
        f"{RESULTS}/logs/weights/{{network}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/weights/{{network}}.tsv"
    retries: 2
    localrule: True
    conda:
        "../envs/nst.yaml"
    shell:
        "nst weights {wildcards.network:q} -o {output:q} > {log:q} 2>&1"
