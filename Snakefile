# The workflow is in workflow/. With this file, `snakemake` also runs in the repository's root.
include: "workflow/Snakefile"


# Snakemake ignores default targets of included files.
rule default:
    default_target: True
    input:
        rules.all.input,
