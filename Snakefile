# relab: every table and plot of five language-model lab write-ups, computed from real text.
# `snakemake --list` is the menu; config/README.md explains every key; DESIGN in CONTRIBUTING.md explains the layout.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/assets.yaml"
configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"


onerror:
    end_with(*sentences(log))


rule report:
    """Everything: results/report.html, the default target."""
    input:
        "results/report.html",


include: "rules/targets.smk"
# the stages, in the order data flows
include: "rules/assets.smk"
include: "rules/corpora.smk"
include: "rules/tokenizers.smk"
include: "rules/tokens.smk"
include: "rules/models.smk"
include: "rules/samples.smk"
include: "rules/datasets.smk"
include: "rules/features.smk"
include: "rules/probes.smk"
include: "rules/classifiers.smk"
include: "rules/preferences.smk"
include: "rules/rows.smk"
include: "rules/report.smk"
