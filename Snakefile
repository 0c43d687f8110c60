# The workflow is in workflow/; this file lets `snakemake` be typed in the repository's root.
include: "workflow/Snakefile"


# Snakemake takes no default target from an included file.
rule default:
    default_target: True
    input:
        rules.all.input,
