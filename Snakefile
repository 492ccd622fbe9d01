# relab: every table and plot of five language-model lab write-ups, computed from real text.
# `snakemake --list` is the menu; config/README.md explains every key; DESIGN in CONTRIBUTING.md explains the layout.
import os

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")


# Where this file lies, for a module of another workflow, too.
CHECKOUT = str(workflow.current_basedir)
if not os.path.isdir(CHECKOUT):
    raise WorkflowError(
        f"{CHECKOUT}/Snakefile: relab's programs must be files of this machine; clone the repository and name its Snakefile"
    )
DEFAULTS = [f"{CHECKOUT}/config/{name}" for name in ("assets.yaml", "config.yaml")]

# Each Snakemake reads the settings, a submitted job's too: by C it takes an eighth of the time that Python's parser takes.
yaml.FullLoader = getattr(yaml, "CFullLoader", yaml.FullLoader)


configfile: DEFAULTS[0]
configfile: DEFAULTS[1]


include: "rules/common.smk"
include: "rules/scheduler.smk"
include: "rules/order.smk"
include: "rules/cluster.smk"


onstart:
    prepare_cluster()
    order_jobs()
    fork_local_jobs()


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
include: "rules/imports.smk"
include: "rules/trainings.smk"
include: "rules/samples.smk"
include: "rules/datasets.smk"
include: "rules/features.smk"
include: "rules/probes.smk"
include: "rules/rows.smk"
include: "rules/report.smk"
include: "rules/forks.smk"
