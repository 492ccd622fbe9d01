# What the rules share: the checked settings, a job's slice of them, the digest of its code, the machine's limits.
import argparse
import atexit
import functools
import hashlib
import importlib.util
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, f"{CHECKOUT}/scripts")

from relab import fork_server
from relab.artefacts.registry import KINDS, MAKERS
from relab.assets import local
from relab.assets.cache import default_folder
from relab.assets.plan import missing_file
from relab.commands.workflow import RECORD
from relab.digest import code_digest
from relab.errors import UserError
from relab.failures import SENTENCE, sentences
from relab.garbage_collection import collect_seldom
from relab.jobs import commit_name
from relab.machine import gpu_count, memory_mb
from relab.menu import targets
from relab.settings import report as report_jobs
from relab.settings.base import canonical
from relab.settings.config import resolve
from relab.settings.datasets import PARTS, SPLITS
from relab.settings.merging import merged

collect_seldom()


def layers():
    """The configuration from its files, which Snakemake has read with a loss: keys that stand twice, words such as `no`."""
    if workflow.modifier.skip_configfile:  # of a module that is given a config: the defaults go under it all the same
        return merged(DEFAULTS, config)
    if not workflow.modifier.is_main_snakefile():
        return config
    overlays = workflow.overwrite_configfiles
    below = [] if workflow.config_settings.replace_workflow_config else workflow.configfiles[len(overlays) :]
    return merged([*below, *overlays], workflow.config_settings.config)


if not os.access(".snakemake" if os.path.isdir(".snakemake") else ".", os.W_OK):
    raise WorkflowError(
        f"{os.getcwd()} cannot be written: expected a folder of yours for the run, which --directory names, and one for"
        " downloads, which RELAB_CACHE names"
    )


def end_with(*lines):
    """Let the last that a failed run shows be these lines: Snakemake has more to say after an error."""
    for line in reversed(lines):
        atexit.register(print, line, file=sys.stderr)


try:
    if sys.getfilesystemencoding() != "utf-8":
        raise UserError(
            f"expected a locale in UTF-8, found one in {sys.getfilesystemencoding()}, which lacks letters of the texts here: "
            "set PYTHONUTF8=1 in the environment, as relab does"
        )
    SETTINGS = resolve(layers())
    # Downloads that all runs share.
    CACHE = str(default_folder())
except UserError as error:
    end_with(f"{SENTENCE}{error}")
    raise WorkflowError(str(error)) from None
ARTEFACTS = SETTINGS.artefacts

# Jobs find nothing on a network that the DAG did not fetch, and say nothing about it; their texts are UTF-8 in every locale.
PREFIX = "set -euo pipefail; export PYTHONUTF8=1 HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1; "
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    if importlib.util.find_spec("torch") is None:
        raise WorkflowError(
            f"Snakemake runs in {sys.prefix}, which lacks torch: run .venv/bin/snakemake, which `make environment` sets up, or"
            " give --sdm conda"
        )
    # Without an environment for each rule, `python` is the one that runs Snakemake, whichever comes first on the path.
    PREFIX += f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"; '
    # Where there is a server of forks (rules/forks.smk), `python` asks it.
    FORK = f'python() {{ command python -S {shlex.quote(fork_server.__file__)} "$@"; }}'
    PREFIX += f'if [ "${{{fork_server.VARIABLE}:-}}" ]; then {FORK}; fi; '
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))


# What paths of the run begin with here: nothing, a module's prefix, or where a storage's files are copied to.
RUN = workflow.modifier.modify_path(report_jobs.LEDGER).removesuffix(report_jobs.LEDGER)


def recorded(command, inputs=" --inputs {input:q}"):
    """A job's command with what every program takes: all that it reads, for its record; its settings; record and log."""
    run = f" --run {shlex.quote(RUN)}".replace("{", "{{").replace("}", "}}") if RUN else ""
    run += " --rehearsal" if SETTINGS.rehearsal else ""
    return (
        f"{command}{inputs}{run} --spec {{params.spec:q}} --code {{params.code:q}}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
    )


def prompt_files(input):
    """The files that prompts are taken from, as options; none where they stand in the settings."""
    named = {name: input[name] for name in ("corpus", "dataset", "files") if name in input.keys()}
    return [word for name, paths in named.items() for word in (f"--{name}", *([paths] if isinstance(paths, str) else paths))]


def read_files(wildcards, input):
    """The files that a row's job reads, as options of scripts/row.py."""
    return flags("--input", input)


def made_files(wildcards, output):
    """The files that a row's job makes but for its record, as options of scripts/row.py."""
    return flags("--output", {name: paths for name, paths in output.items() if name != "provenance"})


def flags(option, files):
    """Files by name as options of scripts/row.py."""
    named = {name: [paths] if isinstance(paths, str) else paths for name, paths in files.items()}
    return [word for name, paths in named.items() for word in (option, name, *paths)]


def option(name, value):
    """An option with settings as JSON, as words of a command; none where there are no settings."""
    return [name, canonical(value)] if value else []


def names(declared):
    """A pattern for a wildcard that stands for one of the declared names."""
    return "|".join(re.escape(name) for name in declared) or "(?!)"


wildcard_constraints:
    **{kind.wildcard: names(ARTEFACTS.kinds[kind.name]) for kind in KINDS.values()},
    file=names({file for asset in ARTEFACTS.assets.values() for file in asset.settings.files}),
    part="|".join((*SPLITS, *PARTS)),


def made_by(rule):
    """A pattern for the names of the artefacts that a rule makes."""
    maker, kind = MAKERS[rule]
    return names(name for name, member in ARTEFACTS.kinds[kind.name].items() if maker.makes(member.settings))


def inputs(rule):
    """The files that a job of a rule reads, by name."""
    return lambda wildcards: MAKERS[rule][0].inputs(ARTEFACTS, **dict(wildcards.items()))


def spec(rule):
    """The `spec` parameter of a rule: the slice of the settings that its job needs, in canonical form."""
    return lambda wildcards: canonical(MAKERS[rule][0].settings(ARTEFACTS, **dict(wildcards.items())))


def constant(value):
    """A parameter that is the same for every job of a rule, braces in it included."""
    return lambda wildcards: value


cached_digest = functools.cache(code_digest)


def code(rule, *modules):
    """The `code` parameter of a rule: a digest of its program and of what that imports from the library.

    It is computed where there is a job of the rule: a submitted Snakemake, which has one, would take longest for all others'.
    """
    return lambda wildcards: cached_digest(Path(CHECKOUT, "scripts", f"{rule}.py"), *modules)


def program(rule):
    """The `program` parameter of a rule: the path of its program, which a moved checkout may change without a rerun.

    Snakemake does not compare parameters that are derived from a job's files; asking for `output` makes it one of those.
    """
    return path_of(f"scripts/{rule}.py")


def path_of(path):
    """The path of a file of the checkout as a parameter, which a moved checkout may change without a rerun."""
    return lambda wildcards, output: f"{CHECKOUT}/{path}"


def input_folder(key):
    """The folder of a job's input, as a parameter."""
    return lambda wildcards, input: os.path.dirname(input[key])


def output_folder(key):
    """The folder of a job's output, as a parameter."""
    return lambda wildcards, output: os.path.dirname(output[key])


def user_files(wildcards):
    """The `user_files` parameter of a fetch: the state of the user's own files that it links, so that a change is seen.

    A path that leads nowhere is told before anything runs, as Snakemake does of a missing input.
    """
    declared = ARTEFACTS.assets[wildcards.asset].settings
    missing = missing_file(wildcards.asset, wildcards.file, declared, Path(CACHE), Path(CHECKOUT))
    if missing:
        raise WorkflowError(f"assets.{wildcards.asset}: {wildcards.file} is missing. {missing}. {declared.missing}".strip())
    return local.fingerprint(declared, wildcards.file, Path(CHECKOUT))


def loaded(*paths):
    """The `loaded` parameter of a rule: a digest of files of the checkout that its program reads.

    As inputs they would stand there with a path that differs between the checkout's own run and a copy of it elsewhere.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(Path(CHECKOUT, path).read_bytes())
    return digest.hexdigest()[:16]


# Files of the checkout that say what the report shows, and how.
WRITEUP_FILES = sorted(Path(CHECKOUT, "config/writeups").glob("*.yaml"))
SHOWN_FILES = sorted(
    path
    for pattern in ("report/templates/**/*.*", "rows/*/show.yaml", "rows/*/*.html.j2")
    for path in Path(CHECKOUT, "scripts/relab").glob(pattern)
)

# For `snakemake --report`: title, caption, chapter and row of every file that the report shows.
CATALOGUE = SETTINGS.contents.catalogue


def captions(wildcards, output):
    """The `captions` parameter of a rule, which rules/caption.rst reads: path, title and caption of each file it shows."""
    entries = {path: CATALOGUE.get(path.removeprefix(RUN)) for path in output}
    return [{"path": path, **entry} for path, entry in entries.items() if entry]


def shown(path):
    """A table or figure as an output that `snakemake --report` shows with its title and place, too."""
    entry = CATALOGUE.get(path)
    if entry is None:
        return path
    place = {key: entry[key] for key in ("category", "subcategory")}
    return report(path, caption="caption.rst", labels={"title": entry["title"]}, **place)


# Jobs are submitted elsewhere where their number is limited instead of the cores (`workflow.local_exec` is not known yet while
# this is read).
LOCAL = workflow.resource_settings.nodes is None and not workflow.remote_exec
CARDS = gpu_count() if LOCAL else 1

# Within a submitted job a Snakemake runs around its command, measured at 178 MB; two where it is a task of an array.
WRAPPING_MB = 400


def gpu(wildcards):
    """Cards that a job with a network in it asks for: one, or none where jobs run on this machine and it has no card."""
    return min(CARDS, 1)


def memory(mb, with_card=None):
    """MB that a job asks for: `mb`, or `with_card` where jobs may use a card; submitted, what runs around it besides, and twice
    as much after a kill for memory, which alone leads to more attempts than all jobs have (`slurm.more_memory_once`)."""
    asked = (with_card if with_card and CARDS else mb) + (0 if LOCAL else WRAPPING_MB)
    if LOCAL:
        return asked
    return lambda wildcards, attempt: asked * max(1, attempt - workflow.execution_settings.retries)


# A node may have neither this checkout's Git nor this machine's environment.
if workflow.resource_settings.nodes is not None:
    os.environ["RELAB_COMMIT"] = commit_name()
    workflow.register_envvars(*(name for name in ("RELAB_COMMIT", "RELAB_STATE") if os.environ.get(name)))

# Only for jobs of this machine: what it has is what may be used at a time. Limits given by hand come first.
if LOCAL:
    for resource, limit in {"gpu": CARDS, "mem_mb": int(0.9 * memory_mb())}.items():
        if workflow.global_resources.get(resource.removesuffix("_mb")).value is None:
            workflow.register_resource(resource, limit)


def describe(name, text):
    """Give a rule that a loop makes its docstring; `rules` knows it by this name in a module that renames it, too."""
    getattr(rules, name).rule.docstring = text
