"""What every job's program shares: options, settings, the record."""

from __future__ import annotations

import json

import pytest

from relab.errors import UserError
from relab.files import sha256
from relab.jobs import job_parser, job_settings, peak_memory, record_provenance, versions
from relab.settings.tokenizers import CharacterTokenizer


def arguments(tmp_path, spec="{}", *more: str):
    return job_parser(__doc__).parse_args(["--spec", spec, "--code", "abc", "--provenance", str(tmp_path / "p.json"), *more])


def test_the_record_says_how_the_output_came_to_be(tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a")
    with record_provenance(arguments(tmp_path, '{"x": 1}'), inputs=[source], outputs=[target]) as entry:
        target.write_text("b")
        entry["attempts"] = 3
    told = json.loads((tmp_path / "p.json").read_text())
    assert told["spec"] == {"x": 1}
    assert told["code"] == "abc"
    assert told["inputs"] == {str(source): sha256(source)}
    assert told["outputs"] == {str(target): sha256(target)}
    assert told["attempts"] == 3
    assert told["device"] == "cpu"
    assert told["wall_seconds"] >= 0
    assert told["peak_memory_mib"] > 1
    assert told["versions"]["python"]


def test_the_inputs_are_all_that_snakemake_passed_where_nothing_else_is_said(tmp_path):
    sources = [tmp_path / name for name in ("tokenizer.json", "weights")]
    for source in sources:
        source.write_text(source.name)
    with record_provenance(arguments(tmp_path, "{}", "--inputs", *map(str, sources)), outputs=[]):
        pass
    told = json.loads((tmp_path / "p.json").read_text())
    assert told["inputs"] == {str(source): sha256(source) for source in sources}
    with record_provenance(arguments(tmp_path), outputs=[]):
        pass
    assert json.loads((tmp_path / "p.json").read_text())["inputs"] == {}


def test_a_job_is_told_by_its_program_or_by_the_name_that_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["scripts/clean_corpus.py"])
    args = arguments(tmp_path)
    for job, told in ((None, "clean_corpus"), ("score_retrieval", "score_retrieval")):
        args.job = job
        with record_provenance(args, outputs=[]):
            pass
        assert json.loads((tmp_path / "p.json").read_text())["job"] == told


def test_a_file_of_the_checkout_is_told_by_its_path_in_it(tmp_path, checkout):
    with record_provenance(arguments(tmp_path), inputs=[checkout / "config" / "config.yaml"], outputs=[]):
        pass
    assert list(json.loads((tmp_path / "p.json").read_text())["inputs"]) == ["config/config.yaml"]


def test_a_failed_job_leaves_no_record(tmp_path):
    with pytest.raises(RuntimeError), record_provenance(arguments(tmp_path), inputs=[], outputs=[]):
        raise RuntimeError
    assert not (tmp_path / "p.json").exists()


def test_settings_are_checked_again_by_the_job(tmp_path):
    args = arguments(tmp_path, '{"kind": "character", "corpus": "italian"}')
    assert job_settings(args, CharacterTokenizer).corpus == "italian"
    with pytest.raises(UserError, match=r"--spec\.colour: unknown key"):
        job_settings(arguments(tmp_path, '{"kind": "character", "corpus": "i", "colour": 1}'), CharacterTokenizer)
    with pytest.raises(UserError, match="--spec: not JSON"):
        job_settings(arguments(tmp_path, "{"), CharacterTokenizer)


def test_versions_are_those_of_what_was_imported():
    import importlib.metadata
    import sys

    import numpy  # noqa: F401
    import sacrebleu  # noqa: F401
    import sklearn  # noqa: F401

    found = versions()
    assert {"numpy", "sacrebleu", "scikit-learn"} <= set(found)
    assert ("torch" in found) == ("torch" in sys.modules)
    packages = {name: version for name, version in found.items() if name not in ("python", "platform")}
    for name, version in packages.items():  # a module may know for which cards it was built: 2.13.0+cu130
        assert version.partition("+")[0] == importlib.metadata.version(name).partition("+")[0]


def test_memory_is_counted_in_mebibytes():
    before = peak_memory()
    block = bytearray(64 * 2**20)
    assert before < 10**5
    assert peak_memory() >= before
    del block
