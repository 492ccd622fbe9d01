"""What every job behind a report reads and is set to, as Snakemake compares it."""

from __future__ import annotations

from relab.artefacts.registry import MAKERS
from relab.settings import report
from relab.settings.base import canonical
from relab.settings.config import Resolved


def job_settings(resolved: Resolved, rule: str, **wildcards: str) -> str:
    """The settings of one job of a stage in canonical form."""
    return canonical(MAKERS[rule][0].settings(resolved.artefacts, **wildcards))


def all_jobs(resolved: Resolved) -> dict[tuple[str, str], str]:
    """What each job is set to and which files it reads, by rule and by what tells it from others of its rule."""
    jobs = {}
    artefacts = resolved.artefacts
    for rule, (maker, _) in MAKERS.items():
        for wildcards in _wildcards(resolved, rule):
            name = "/".join(wildcards.values())
            jobs[rule, name] = canonical([maker.settings(artefacts, **wildcards), maker.inputs(artefacts, **wildcards)])
    for row, step in resolved.steps:
        job = row.job(step)
        spec = row.settings.spec(step.name, row.paths, artefacts)
        jobs[job, ""] = canonical([spec, row.settings.inputs(step.name, row.paths, artefacts)])
    jobs["tabulate_overview", ""] = canonical(report.overview_spec(resolved))
    jobs["score_claims", ""] = canonical(report.ledger_spec(resolved))
    jobs["build_report", ""] = canonical(report.page_spec(resolved))
    return jobs


def _wildcards(resolved: Resolved, rule: str) -> list[dict[str, str]]:
    """The wildcards of the jobs of a rule, of every artefact that is declared, whether the report needs it or not."""
    maker, kind = MAKERS[rule]
    if rule == "tokenize_corpus":
        files = resolved.derived("tokens", "/train.arrow")
        return [dict(zip(("tokenizer", "corpus"), path.split("/")[2:4], strict=True)) for path in files]
    if rule == "encode_texts":
        parts = [path.removesuffix(".safetensors").split("/")[2:] for path in report.features(resolved)]
        return [dict(zip(("encoder", "dataset", "part"), part, strict=True)) for part in parts]
    names = [name for name, member in resolved.artefacts.kinds[kind.name].items() if maker.makes(member.settings)]
    if rule == "make_dataset":
        sets = resolved.artefacts.datasets
        return [{"dataset": name, "part": part} for name in names for part in sets[name].settings.parts]
    return [{kind.wildcard: name} for name in names]
