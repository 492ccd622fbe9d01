"""The typed settings: what they accept, what they refuse and in which words, and how sweeps expand."""

from __future__ import annotations

import json

import pytest
from support.jobs import job_settings

from relab.errors import UserError
from relab.settings.base import canonical, check, expand
from relab.settings.config import resolve
from relab.settings.models import Architecture, Training

OVERLAYS = [(), ("config/full.yaml",), ("tests/config/tiny.yaml",), ("tests/config/commedia.yaml",)]


@pytest.mark.parametrize("overlays", OVERLAYS)
def test_every_configuration_of_the_checkout_resolves(merged, overlays):
    resolved = resolve(merged(*overlays))
    trained = [member.settings for member in resolved.artefacts.models.values() if member.settings.kind == "trained"]
    assert trained and {settings.corpus for settings in trained} <= set(resolved.artefacts.corpora)


def test_the_embedded_default_trains_two_corpora_two_widths_two_seeds(merged):
    models = resolve(merged()).artefacts.family("models", "char_gpt")
    assert list(models) == [f"{c}-w{w}-s{s}" for c in ("italian", "english") for w in (32, 128) for s in (0, 1)]
    assert models["english-w128-s1"].varied == {"corpus": "english", "width": 128, "seed": 1}


def test_full_scale_has_the_write_ups_settings(merged):
    models = resolve(merged("config/full.yaml")).artefacts.family("models", "char_gpt").values()
    settings = [model.settings for model in models]
    assert {one.architecture.width for one in settings} == {32, 128, 256}
    assert {(one.training.batch, one.architecture.block) for one in settings} == {(32, 64), (256, 128)}
    assert {(one.training.steps, one.training.learning_rate) for one in settings} == {(5000, 5e-4)}
    assert {one.architecture.dropout for one in settings} == {0.2}


def test_a_width_more_is_one_number_and_leaves_the_other_models_alone(merged):
    raw = merged()
    before = resolve(raw)
    raw["models"]["char_gpt"]["sweep"]["architecture.width"].append(64)
    after = resolve(raw)
    assert set(after.artefacts.models) - set(before.artefacts.models) == {
        f"{c}-w64-s{s}" for c in ("italian", "english") for s in (0, 1)
    }
    for name in before.artefacts.family("models", "char_gpt"):
        assert job_settings(before, "train_model", model=name) == job_settings(after, "train_model", model=name)


def test_keys_of_one_axis_vary_together():
    declaration = {
        "name": "b{batch}x{block}",
        "sweep": {"size": [{"training.batch": 32, "a.block": 64}, {"training.batch": 256, "a.block": 128}]},
        "a": {"width": 8},
    }
    members = expand("models", {"m": declaration})
    assert list(members) == ["b32x64", "b256x128"]
    assert members["b256x128"][0] == {"a": {"width": 8, "block": 128}, "training": {"batch": 256}}
    assert declaration["a"] == {"width": 8}, "the declaration itself must stay as it is"


@pytest.mark.parametrize(
    ("declarations", "sentence"),
    [
        ({"m": {"name": "{seed}", "sweep": {"seed": [0], "width": [1, 2]}}}, "models.m: two members of the name '0'"),
        ({"m": {"name": "{depth}", "sweep": {"seed": [0, 1]}}}, "models.m.name: {depth} is not a varied key"),
        ({"m": {"sweep": {"seed": 3}}}, "models.m.sweep.seed: expected a list of values, found 3"),
        ({"m": {"sweep": {"seed": []}}}, "expected a list of values, found []"),
        ({"m": {"sweep": {"seed": [1, 1]}}}, "a value stands twice"),
        ({"m": {"name": "a"}, "n": {"name": "a"}}, "models: m and n both have an artefact of the name 'a'"),
        ({"m": {"sweep": {"a.b": [1]}, "a": 3}}, "models.m.sweep.a.b: a is not a group of keys"),
        ({"m": {"name": "{x}{b}", "sweep": {"x": [{"a.b": 1}], "a.b": [2]}}}, "the key a.b varies twice"),
        ({"m": {"name": "{x}", "sweep": {"x": ["a b"]}}}, "'a b' is not a name"),
    ],
)
def test_a_wrong_sweep_is_told_in_one_sentence(declarations, sentence):
    with pytest.raises(UserError) as error:
        expand("models", declarations)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def _at(raw, path, value):
    *parents, leaf = path.split("/")
    for parent in parents:
        raw = raw.setdefault(parent, {})
    raw[leaf] = value


CHAR = "models/char_gpt"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("corpora/italian/asssset", "x", "corpora.italian.asssset: unknown key; did you mean asset?"),
        ("modles", {}, "modles: unknown key; did you mean models?"),
        (
            "models/smollm2/corpus",
            "italian",
            "models.smollm2.corpus: unknown key; expected one of asset, kind, name, note, sweep",
        ),
        ("corpora/italian/reader/letter", "d", "letter: unknown key; expected one of"),
        (f"{CHAR}/architecture/heads", 3, "models.char_gpt.architecture: the width must be divisible by the heads"),
        (f"{CHAR}/architecture/block", 1, "architecture.block: input should be greater than or equal to 2, found 1"),
        (f"{CHAR}/training/batch", True, "training.batch: expected a number, found True (YAML reads"),
        (f"{CHAR}/training/batch", "many", "training.batch: expected a number, found the text 'many'"),
        (f"{CHAR}/training/batch", 2.5, "training.batch:"),
        (f"{CHAR}/training/learning_rate", float("nan"), "training.learning_rate:"),
        (f"{CHAR}/training", 5, "models.char_gpt.training:"),
        (f"{CHAR}/sweep/corpus", ["italain"], "'italain' is not among the corpora; did you mean 'italian'?"),
        (f"{CHAR}/tokenizer", "bytes", "'bytes' is not among the tokenizers"),
        (f"{CHAR}/sweep", 3, "models.char_gpt.sweep: expected keys with lists of values, found 3"),
        ("models/char_gpt", 3, "models.char_gpt: expected a group of keys, found 3"),
        ("models", None, "models: "),
        ("corpora/italian/asset", "bible", "corpora.italian.asset: 'bible' is not among the assets; did you mean"),
        (
            "corpora/italian",
            {"titel": "x", "reader": {"kind": "text"}},
            "corpora.italian.titel: unknown key; did you mean title?",
        ),
        ("corpora/italian/reader", {"knd": "text"}, "corpora.italian.reader.knd: unknown key; did you mean kind?"),
        ("corpora/italian/reader", {"letter": "d"}, "corpora.italian.reader.kind: this key is required"),
        ("rows/A9", {"kin": "retrieval"}, "rows.A9.kin: unknown key; did you mean kind?"),
        (
            "corpora/italian/reader",
            {"kind": "text", "encoding": "utf9"},
            "expected an encoding that Python knows, found 'utf9'",
        ),
        ("corpora/italian/reader", {"kind": "lyrics", "delimiter": ";"}, "delimiter: expected only with `column`, for tables"),
        ("corpora/italian/reader", {"kind": "table", "column": "a", "delimiter": "\n"}, "which quotes them or ends lines"),
        ("corpora/italian/title", 1984, "found 1984 (YAML reads a number: quote it)"),
        ("corpora/italian/title", False, "(YAML reads no, off and false as False: quote the word)"),
        ("corpora/italian/reader/kind", "bibel", "'bibel'"),
        ("corpora/italian/split/validation", 1, "split.validation: input should be less than 1, found 1"),
        (f"{CHAR}/training/evaluation/every", 30, "100 is not a step at which models.italian-w32-s0 is evaluated"),
        ("models/smollm2/asset", "smollm", "models.smollm2.asset: 'smollm' is not among the assets; did you mean 'smollm2'?"),
        ("models/smollm2/kind", "publishd", "models.smollm2: "),
        ("models/smollm2/seed", 3, "models.smollm2.seed: unknown key; "),
        ("tokenizers/gpt2/kind", "bpe", "tokenizers.gpt2: "),
        ("tokenizers/english-bytes/vocab_size", 9, "tokenizers.english-bytes.vocab_size: input should be greater"),
        ("tokenizers/english-bytes/corpus", "plays", "tokenizers.english-bytes.corpus: 'plays' is not among the corpora"),
        ("samplings/arguments/model", "smolm2", "samplings.arguments.model: 'smolm2' is not among the models; did you mean"),
        ("samplings/selection/prompts/corpus", "film", "samplings.selection.prompts.corpus: 'film' is not among the corpora"),
        ("samplings/selection/prompts/human", "greedy", "prompts.human: 'greedy' is the name of a method too"),
        ("samplings/arguments/prompts", ["a", "a"], "prompts: 'a' stands twice"),
        ("samplings/arguments/prompts", [], "prompts: expected at least one text"),
        ("samplings/arguments/methods/sampling/temperature", 0, "methods.sampling.temperature: input should be greater than 0"),
        ("samplings/arguments/methods/sampling/num_beams", 2, "do_sample or num_beams above 1, found both"),
        (
            "samplings/arguments/precision",
            "half",
            "precision: input should be 'auto', 'float32', 'bfloat16', '8bit', '4bit' or 'dynamic_int8', found 'half'",
        ),
        ("encoders/minilm/precision", "half", "encoders.minilm.precision: input should be 'auto', 'float32' or 'bfloat16'"),
        (
            "rows/D4/precision",
            "half",
            "rows.D4.precision: input should be 'auto', 'float32', 'bfloat16', '8bit', '4bit' or 'dynamic_int8', found 'half'",
        ),
        ("corpora/sentences/asset", "bible_db", "a grammar reads no file, found 'bible_db'"),
        ("corpora/italian/asset", None, "corpora.italian: asset: required with `reader.kind: bible`"),
        ("models/mingpt/training/reading", "blocks", "models.mingpt-s0.training.reading: expected documents"),
        ("models/stories/training/reading", "blocks", "models.stories.training.reading: expected documents"),
        ("models/stories/training/samples", None, "models.stories.training.samples: required"),
        ("threads", 0, "threads: input should be greater than or equal to 1, found 0"),
    ],
)
def test_a_mistake_is_found_before_any_job_and_named(merged, path, value, sentence):
    raw = merged()
    _at(raw, path, value)
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0.001, "1e-3", "0.001", 1e-3])
def test_ways_to_write_a_number_are_one_setting(merged, value):
    raw, same = merged(), merged()
    _at(raw, f"{CHAR}/training/learning_rate", value)
    _at(same, f"{CHAR}/training/learning_rate", 0.001)
    job = {"model": "italian-w32-s0"}
    assert job_settings(resolve(raw), "train_model", **job) == job_settings(resolve(same), "train_model", **job)


def test_whole_numbers_may_be_written_with_an_exponent():
    training = {"steps": "5e3", "batch": 32.0, "learning_rate": 1, "evaluation": {"every": 1, "blocks": 1}}
    checked = check(Training, training, "training")
    assert (checked.steps, checked.batch) == (5000, 32)
    assert isinstance(checked.learning_rate, float)


def test_order_of_keys_and_null_change_nothing(merged):
    raw = merged()
    shuffled = json.loads(json.dumps(raw, sort_keys=True))
    shuffled["corpora"]["italian"]["limit"] = None
    for rule, job in (("train_model", {"model": "english-w32-s1"}), ("clean_corpus", {"corpus": "italian"})):
        assert job_settings(resolve(raw), rule, **job) == job_settings(resolve(shuffled), rule, **job)


def test_what_people_read_is_no_setting_of_a_job(merged):
    raw = merged()
    resolved = resolve(raw)
    raw["corpora"]["italian"] |= {"title": "Another title", "note": "Why."}
    job = {"corpus": "italian"}
    assert job_settings(resolve(raw), "clean_corpus", **job) == job_settings(resolved, "clean_corpus", **job)


def test_canonical_form_is_one_text_and_refuses_nan():
    assert canonical({"b": 1, "a": "è"}) == '{"a":"è","b":1}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical(float("nan"))


def test_every_key_is_described():
    from relab.settings.document import Config, models_in

    waiting, seen = [Config], set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, field in model.model_fields.items():
            assert field.description or name == "kind", f"{model.__name__}.{name} has no description"
            waiting += models_in(field.annotation)
    assert Architecture in seen
