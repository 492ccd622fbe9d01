# What the rules share: the checked settings, a job's slice of them, the digest of its code, the machine's limits.
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{workflow.basedir}/scripts")

from relab.assets import local
from relab.digest import code_digest
from relab.errors import UserError
from relab.machine import cards, memory_mb
from relab.settings import claims, config as settings, datasets, provide, writeups

try:
    SETTINGS = settings.resolve(config)
    WRITEUPS = writeups.load(f"{workflow.basedir}/config/writeups.yaml")
    CLAIMS = claims.load(f"{workflow.basedir}/config/claims.yaml")
except UserError as error:
    raise WorkflowError(str(error)) from None

# Jobs find nothing on a network that the DAG did not fetch, and say nothing about it.
shell.prefix("set -euo pipefail; export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1; ")


def names(declared):
    """A pattern for a wildcard that stands for one of the declared names."""
    return "|".join(re.escape(name) for name in declared) or "(?!)"


wildcard_constraints:
    asset=names(SETTINGS.assets),
    file=names({file for asset in SETTINGS.assets.values() for file in asset.files}),
    corpus=names(SETTINGS.corpora),
    tokenizer=names(SETTINGS.tokenizers),
    model=names(SETTINGS.models),
    sampling=names(SETTINGS.samplings),
    dataset=names(SETTINGS.datasets),
    part="|".join((*datasets.SPLITS, *datasets.PARTS)),
    encoder=names(SETTINGS.encoders),
    probe=names(SETTINGS.probes),
    classifier=names(SETTINGS.classifiers),


def of_kind(members, *kinds):
    """A pattern for the declared names whose artefacts are of some kinds: those are made by a rule of their own."""
    return names(name for name, member in members.items() if member.settings.kind in kinds)


def spec(rule):
    """The `spec` parameter of a rule: the slice of the settings that its job needs, in canonical form."""
    return lambda wildcards: provide.provide(SETTINGS, rule, dict(wildcards.items()))


def code(rule):
    """The `code` parameter of a rule: a digest of its program and of what that imports from the library."""
    return code_digest(Path(workflow.basedir, "scripts", f"{rule}.py"))


def program(rule):
    """The `program` parameter of a rule: the path of its program, which a moved checkout may change without a rerun.

    Snakemake does not compare parameters that are derived from a job's files; asking for `output` makes it one of those.
    """
    return lambda wildcards, output: f"{workflow.basedir}/scripts/{rule}.py"


def own(wildcards):
    """The `own` parameter of a fetch: the state of the user's own files that it links, so that a change in them is seen."""
    return local.fingerprint(SETTINGS.assets[wildcards.asset], wildcards.file, Path(workflow.basedir))


def loaded(*paths):
    """The `loaded` parameter of a rule: a digest of files of the checkout that its program reads.

    As inputs they would stand there with a path that differs between the checkout's own run and a copy of it elsewhere.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(Path(workflow.basedir, path).read_bytes())
    return digest.hexdigest()[:16]


def place(path):
    """The path of such a file as a parameter, which a moved checkout may change without a rerun (see `program`)."""
    return lambda wildcards, output: f"{workflow.basedir}/{path}"


# For `snakemake --report`: title, chapter and row of every file that the report shows; rules/caption.rst reads them.
CATALOGUE = config["catalogue"] = writeups.catalogue(WRITEUPS)


def shown(path):
    """A table or figure as an output that `snakemake --report` shows with its title and place, too."""
    entry = CATALOGUE.get(path)
    if entry is None:
        return path
    return report(
        path,
        caption="caption.rst",
        category=entry["category"],
        subcategory=entry["subcategory"],
        labels={"title": entry["title"]},
    )


# What the chapters of the report rest on, by name.
CHAR_GPT = provide.char_gpt_models(SETTINGS)
CHAR_GPT_CORPORA = provide.char_gpt_corpora(SETTINGS)
MINGPT = provide.mingpt_models(SETTINGS)
LARGER = provide.larger_models(SETTINGS)
STORIES = SETTINGS.chapters.stories
STORY_MODELS = provide.story_models(SETTINGS)
STORY_CORPUS = SETTINGS.models[STORY_MODELS[0]].settings.corpus
STORY_SAMPLINGS = provide.story_samplings(SETTINGS)
TEXT_TABLES = provide.text_tables(SETTINGS)
FINETUNED = list(provide.finetuned_rows(SETTINGS))
ADAPTERS = provide.finetuned_models(SETTINGS, "generative", "adapters")
ADAPTERS_BASE = provide.finetuned_base(SETTINGS, "generative", "adapters")
FEATURES = provide.used_features(SETTINGS)
CLASSIFIER_ROWS = provide.classifier_rows(SETTINGS)
DATASET_PARTS = [(name, part) for name in SETTINGS.needed["datasets"] for part in SETTINGS.datasets[name].settings.parts]

# Every file of scores; the ledger reads them all.
SCORES = [
    "results/scores/char_gpt/scores.parquet",
    "results/scores/char_gpt/tokens.parquet",
    "results/scores/char_gpt/classification.parquet",
    *(f"results/scores/{writeup}/classifiers.parquet" for writeup in CLASSIFIER_ROWS),
    "results/scores/char_gpt/choice.parquet",
    "results/scores/char_gpt/retrieval.parquet",
    "results/scores/generative/generations.parquet",
    "results/scores/gpt2_lab/memory.parquet",
    "results/scores/stories/learning.parquet",
    "results/scores/stories/distributions.parquet",
    "results/scores/stories/judged.parquet",
    "results/scores/mingpt/training.parquet",
    "results/scores/mingpt/facts.parquet",
    "results/scores/generative/adapters_parameters.parquet",
    "results/scores/gpt2_lab/code_rates.parquet",
    *(f"results/scores/{writeup}/{role}.parquet" for writeup, role in FINETUNED),
    *(f"results/scores/{writeup}/{role}.parquet" for writeup, role in TEXT_TABLES),
]

# Downloads that all runs share.
CACHE = os.environ.get("RELAB_CACHE") or f"{workflow.basedir}/.cache"

# Jobs are submitted elsewhere where their number is limited instead of the cores (`workflow.local_exec` is not known yet while
# this is read).
LOCAL = workflow.resource_settings.nodes is None and not workflow.remote_exec
CARDS = cards() if LOCAL else 1


def gpu(wildcards):
    """Cards that a job with a network in it asks for: one, or none where jobs run on this machine and it has no card."""
    return min(CARDS, 1)


# Only for jobs of this machine: what it has is what may be used at a time. Limits given by hand come first.
if LOCAL:
    for resource, limit in {"gpu": CARDS, "mem_mb": int(0.9 * memory_mb())}.items():
        if workflow.global_resources.get(resource.removesuffix("_mb")).value is None:
            workflow.register_resource(resource, limit)


# The rules call `python`: it must be the one of this environment, unless each rule has an environment of its own.
if workflow.is_main_process and not workflow.deployment_settings.deployment_method:
    python = shutil.which("python")
    if python is None or Path(python).parent.resolve() != Path(sys.executable).parent.resolve():
        raise WorkflowError(
            f"the rules would run {python or 'no python at all'}, but Snakemake runs in {sys.prefix}: activate that "
            f"environment first (source {sys.prefix}/bin/activate), or give --sdm conda"
        )
