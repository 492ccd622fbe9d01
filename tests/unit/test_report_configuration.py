"""The configuration on the page: every part belongs to its key, none is lost, and jobs lead to the declarations behind them."""

import yaml
from support.report_run import write_record

from relab.report.configuration import Dependencies, parts
from relab.report.provenance import Provenance

CONFIG = {
    "about": "A sentence of more than ninety characters, folded in YAML, with a word: and a colon behind it; models: two.",
    "scale": "made up",
    "models": {
        "gpt": {"name": "gpt-s{seed}", "sweep": {"seed": [0, 1]}, "note": "models: no key\nof a\tdeclaration"},
        "plain": {"kind": "published", "asset": "weights"},
    },
    "samplings": {"texts": {"model": "plain"}},
    "datasets": {"on": {"title": "a name that YAML would take for true"}},
}


def test_every_declaration_has_its_part_and_the_whole_is_the_configuration():
    found = parts(CONFIG)
    assert [part.key for part in found] == [
        "about", "scale", "models", "models.gpt", "models.plain", "samplings", "samplings.texts", "datasets", "datasets.on",
    ]  # fmt: skip
    assert yaml.safe_load("".join(part.text for part in found)) == CONFIG
    by_key = {part.key: part.text for part in found}
    assert yaml.safe_load(by_key["models.plain"]) == {"plain": CONFIG["models"]["plain"]}
    # a key is explained where it stands first, above it
    assert "  # The asset that holds its files.\n    asset: weights" in by_key["models.plain"]
    assert by_key["samplings"].lstrip().startswith("#") and "#" not in by_key["about"].splitlines()[-1]
    assert parts({}) == []


def test_jobs_lead_to_the_declarations_that_their_files_come_from(tmp_path):
    files = ["results/models/gpt-s1/model.safetensors", "results/samples/texts.jsonl", "results/datasets/on/test.parquet"]
    for file in [*files, "results/models/unknown/model.safetensors", "results/other.txt"]:
        write_record(tmp_path, "job", [], [file], {})
    jobs = Provenance(sorted(tmp_path.rglob("*.provenance.json")), tmp_path).jobs
    assert Dependencies(CONFIG, {}).of(jobs) == ["datasets.on", "models.gpt", "samplings.texts"]
