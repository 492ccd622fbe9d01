"""The library behind relab's rules: pure functions and classes, without Snakemake in them."""
