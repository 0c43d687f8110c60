"""Snakemake's logger plugin `nst`: one calm line of progress."""
