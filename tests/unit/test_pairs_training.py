"""Training on pairs: what a model reads and predicts, what it learns, what is written, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from support.encoder_decoders import build, make_pairs, tokenizer, words
from support.finetuning import FULL, make_base
from support.pairs_training import FINETUNED, PAIRS_LORA, SCRATCH, PairsRun, spec
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from relab import characters, gpt
from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.encoded_sources import target_opening
from relab.errors import UserError
from relab.files import read_csv, sha256
from relab.sampling import sample
from relab.sampling.prompts import LanguageModel, build_prompts
from relab.scoring import logprobs
from relab.settings.models import Architecture
from relab.settings.samplings import Decoding, Sampling
from relab.training import pairs
from relab.training.finetuning import Finetuning

CPU = torch.device("cpu")
T5_LORA = {"kind": "lora", "rank": 2, "alpha": 8}
TEXT_PREFIX = {"kind": "prefix", "text": "Read it from its end:"}
#: Trainings by what is trained: settings, and the base that they name.
TRAININGS = {
    "encoder-decoder": SCRATCH,
    "encoder-decoder, T5": spec(SCRATCH, architecture={**SCRATCH["architecture"], "kind": "t5"}),
    "encoder-decoder, BART": spec(SCRATCH, architecture={**SCRATCH["architecture"], "kind": "bart"}),
    "language model": spec(FINETUNED, {"learning_rate": 0.003}, adaptation=FULL),
    "LoRA": PAIRS_LORA,
    "prefix of a text": spec(FINETUNED, adaptation=TEXT_PREFIX),
    "T5": spec(FINETUNED, {"learning_rate": 0.003, "smoothing": 0.1}, base="t5", template="reverse: {source}"),
    "LoRA of a T5": spec(FINETUNED, base="t5", template="reverse: {source}", adaptation=T5_LORA),
}
every_training = pytest.mark.parametrize("name", TRAININGS)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of models to start from: a language model and a published T5."""
    from relab.published.model import import_model

    folder = tmp_path_factory.mktemp("models")
    make_base(folder / "base")
    build("t5").save_pretrained(folder / "asset")
    tokenizer().save_pretrained(folder / "asset")
    import_model(sorted((folder / "asset").iterdir()), folder / "t5", encoder_decoder=True)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The splits of a data set of words, and a tokenizer of its letters."""
    folder = make_pairs(tmp_path_factory.mktemp("data") / "words", words(60), validation=12)
    characters.save(tokenizer(words(60)), folder / "tokenizer")
    return folder


def trained(folder: Path, data: Path, settings: dict, models: Path | None = None) -> PairsRun:
    """A finished run, with its base beside its model."""
    base = None
    if models is not None and "base" in settings:
        base = folder / "models" / settings["base"]
        shutil.copytree(models / settings["base"], base)
    run = PairsRun(folder, data, settings, base=base)
    run.run_here()
    return run


def refused(folder: Path, data: Path, settings: dict, models: Path) -> str:
    run = PairsRun(folder, data, settings, base=models / settings["base"] if "base" in settings else None)
    with pytest.raises(UserError) as error:
        run.run_here()
    assert not run.output.exists() and "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture(scope="module")
def runs(data, models, tmp_path_factory):
    """A function that returns a finished run of a training."""
    finished: dict[str, PairsRun] = {}

    def run(name: str) -> PairsRun:
        if name not in finished:
            finished[name] = trained(tmp_path_factory.mktemp("run"), data, TRAININGS[name], models)
        return finished[name]

    return run


def sources_as_sampled(lm: LanguageModel, path: Path, settings: dict) -> list[list[int]]:
    """The token ids that a sampling of the data set's sources starts from, asked as the training asks."""
    asking = {key: settings[key] for key in ("template", "chat", "system") if key in settings}
    prompts = {"dataset": "words", "split": "validation"}
    sampling = Sampling(model="m", prompts=prompts, methods={"asked": asking}, length=4)
    return [prompt.inputs["asked"].token_ids for prompt in build_prompts(sampling, lm, [path])]


def targets(lm: LanguageModel, path: Path) -> list[list[int]]:
    """Token ids of a data set's targets with the end behind each; a language model's stand behind a blank."""
    reads_pairs, end = lm.model.config.is_encoder_decoder, lm.tokenizer.eos_token_id
    texts = [target if reads_pairs else f" {target}" for target in storage.read(path)["target"]]
    return [[*lm.tokenizer(text, add_special_tokens=False)["input_ids"], end] for text in texts]


def mean_loss(model, directory: Path, data: Path, settings: dict, number: int = 8) -> float:
    """Nats of a target's token behind what sampling would ask, over evenly spread rows of the validation split."""
    lm, path = LanguageModel(model, load_tokenizer(directory)), data / "validation.parquet"
    read, written = sources_as_sampled(lm, path, settings), targets(lm, path)
    rows = [(len(read) - 1) * index // (number - 1) for index in range(number)]
    values = [value for text in logprobs(model, [(read[row], written[row]) for row in rows]) for value in text]
    return -sum(values) / len(values)


@every_training
def test_the_loss_is_that_of_the_targets_behind_what_sampling_asks(name, runs, data):
    """Sources, templates and ends are the same in training and sampling, and nothing but targets is predicted."""
    run = runs(name)
    history = read_csv(run.output / "history.csv")
    best = history.validation_loss.min()
    assert history.step.tolist() == [0, 6, 12, 18, 24] and best < history.validation_loss[0] - 0.05
    assert mean_loss(load_model(run.output, CPU), run.output, data, run.spec) == pytest.approx(best, abs=1e-4)
    assert mean_loss(load_model(run.output / "last", CPU), run.output, data, run.spec) == pytest.approx(
        history.validation_loss.iloc[-1], abs=1e-4
    )
    if "base" in run.spec and "prefix" not in name:
        assert mean_loss(load_model(run.base, CPU), run.base, data, run.spec) == pytest.approx(
            history.validation_loss[0], abs=1e-4
        )


def test_a_prefix_starts_where_the_text_would_stand(runs, data):
    """The first loss is that of the base behind the text and what is asked."""
    run = runs("prefix of a text")
    lm, path = LanguageModel(load_model(run.base, CPU), load_tokenizer(run.base)), data / "validation.parquet"
    text = lm.tokenizer(TEXT_PREFIX["text"])["input_ids"]
    read, written = sources_as_sampled(lm, path, run.spec), targets(lm, path)
    rows = [11 * index // 7 for index in range(8)]
    values = [v for text in logprobs(lm.model, [([*text, *read[row]], written[row]) for row in rows]) for v in text]
    assert read_csv(run.output / "history.csv").validation_loss[0] == pytest.approx(-sum(values) / len(values), abs=1e-4)


@every_training
def test_the_files_the_record_and_the_tokenizer(name, runs, data):
    run = runs(name)
    adapter = run.program.stem == "adapt_to_pairs"
    own = {"adapter_model.safetensors", "adapter_config.json"} if adapter else set(gpt.FILES)
    more = {"tokenizer.json", "tokenizer_config.json", "history.csv", "losses.parquet"}
    assert set(run.files()) == {*own, *(f"last/{file}" for file in own), *more}
    record = run.provenance()
    assert record["seed"] == 3 and (record["trained_parameters"] < record["parameters"] / 2) == adapter
    outputs = {Path(path).relative_to(run.output).as_posix() for path in record["outputs"]}
    assert outputs == {*run.files(), "speed.csv"}
    if "base" in run.spec:
        assert record["base"] == run.spec["base"]
    if adapter:
        config = json.loads((run.output / "adapter_config.json").read_bytes())
        assert config["task_type"] == ("SEQ_2_SEQ_LM" if run.spec["base"] == "t5" else "CAUSAL_LM")
        assert config["revision"] == sha256(run.base / "model.safetensors")


@pytest.mark.parametrize("name", [name for name in TRAININGS if name.startswith("encoder-decoder") or name == "T5"])
def test_three_lines_of_transformers_open_it(name, runs):
    output = runs(name).output
    model, opened = AutoModelForSeq2SeqLM.from_pretrained(output), AutoTokenizer.from_pretrained(output)
    inputs = opened(["abc", "fedcb"], return_tensors="pt", padding=True)
    generated = model.generate(**inputs, max_new_tokens=8)
    ours = sample(
        load_model(output, CPU), [opened(word)["input_ids"] for word in ("abc", "fedcb")], length=8, seeds=[0, 0],
        decoding=Decoding(), stop=[opened.eos_token_id],
    )  # fmt: skip
    for text, row in zip(ours, generated.tolist(), strict=True):
        assert row[: 1 + len(text.token_ids)] == [*target_opening(model), *text.token_ids]


def encoded(data: Path, models: Path, settings: dict, chat: str | None = None):
    """The pairs of the validation split as a fine-tuning reads them, and the model."""
    base = models / settings["base"]
    lm = LanguageModel(load_model(base, CPU), load_tokenizer(base))
    lm.tokenizer.chat_template = chat
    return pairs._EncodedPairs(data / "validation.parquet", Finetuning(**settings), lm), lm


CHAT = (
    "{% for message in messages %}<|endoftext|>{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.mark.parametrize(
    ("asking", "between"),
    [
        ({"template": "{source}"}, " "),
        ({"template": "Backwards {source}:"}, " "),
        ({"template": "{source}\n\nBackwards:\n"}, ""),
        ({"template": "Backwards {source} "}, ""),
        ({"template": "{source}?", "chat": True, "system": "Be brief."}, ""),
    ],
    ids=str,
)
def test_a_prompt_its_target_and_the_end_make_one_text(data, models, asking, between):
    settings = spec(FINETUNED, source_tokens=40, **asking)
    made, lm = encoded(data, models, settings, CHAT)
    rows = storage.read(data / "validation.parquet")
    assert made.sources == sources_as_sampled(lm, data / "validation.parquet", settings)
    for prompt, target, source, text in zip(made.sources, made.targets, rows["source"], rows["target"], strict=True):
        asked = asking["template"].replace("{source}", source)
        if "chat" in asking:
            asked = f"<|endoftext|>system: Be brief.\n<|endoftext|>user: {asked}\nassistant:"
        assert lm.tokenizer.decode([*prompt, *target]) == f"{asked}{between}{text}<|endoftext|>"
        assert target.count(lm.tokenizer.eos_token_id) == 1
    assert made.cut == 0


def test_long_sides_are_cut(data, models):
    """Of a prompt the end is kept, which asks; of an encoder's source the beginning and the end token."""
    settings = spec(FINETUNED, source_tokens=5, target_tokens=2)
    whole, lm = encoded(data, models, FINETUNED)
    made, _ = encoded(data, models, settings)
    assert made.sources == [source[-5:] for source in whole.sources] and made.targets == [text[:2] for text in whole.targets]
    assert made.cut == len(made.sources) and whole.cut == 0
    whole, lm = encoded(data, models, {**TRAININGS["T5"], "source_tokens": 40})
    made, _ = encoded(data, models, {**TRAININGS["T5"], "source_tokens": 12})
    end = lm.tokenizer.eos_token_id
    assert made.cut == sum(len(source) > 12 for source in whole.sources) > 0
    assert all(source[-1] == end for source in whole.sources)
    for source, longer in zip(made.sources, whole.sources, strict=True):
        assert source == (longer if len(longer) <= 12 else [*longer[:11], end])


def test_the_log_counts_the_pairs_that_are_cut(data, tmp_path):
    """Where the encoder's own positions are as few, too."""
    run = trained(tmp_path, data, spec(SCRATCH, {"steps": 1}, source_tokens=4, target_tokens=4))
    rows = storage.read(data / "train.parquet")["source"]
    number = sum(len(word) + 1 > 4 for word in rows)
    assert f"train: of {len(rows)} pairs {number} have a side that was cut" in run.log(1)


@pytest.mark.parametrize("kind", ["marian", "t5"])
def test_an_encoder_decoder_learns_to_read_words_backwards(kind, tmp_path):
    """Words that it has not seen, in a few seconds from random weights."""
    known = words(700, seed=1, letters="abcd", longest=5)
    data = make_pairs(tmp_path / "words", known, validation=100)
    characters.save(tokenizer(known), data / "tokenizer")
    architecture = {"kind": kind, "width": 32, "encoder_layers": 1, "decoder_layers": 1, "heads": 4, "dropout": 0.0}
    training = {
        "steps": 400, "batch": 32, "accumulation": 1, "learning_rate": 0.01, "schedule": {"kind": "linear", "warmup": 20},
        "evaluation": {"every": 200}, "smoothing": 0.0,
    }  # fmt: skip
    settings = {**SCRATCH, "architecture": architecture, "source_tokens": 8, "target_tokens": 8}
    run = trained(tmp_path / "run", data, {**settings, "training": training})
    history = read_csv(run.output / "history.csv")
    assert history.validation_loss.min() < 0.3 < 1.5 < history.validation_loss[0]
    model, opened = load_model(run.output, CPU), load_tokenizer(run.output)
    sources = storage.read(data / "validation.parquet")["source"]
    texts = sample(
        model, [opened(word)["input_ids"] for word in sources], length=8, seeds=range(len(sources)), decoding=Decoding(),
        stop=[opened.eos_token_id],
    )  # fmt: skip
    right = [
        text.ended and opened.decode(text.token_ids, skip_special_tokens=True) == word[::-1]
        for word, text in zip(sources, texts, strict=True)
    ]
    assert sum(right) / len(right) > 0.8


@pytest.mark.parametrize("name", ["LoRA", "LoRA of a T5", "prefix of a text"])
def test_an_adapter_leaves_its_base_as_it_is(name, runs, models):
    run = runs(name)
    base = models / run.spec["base"]
    assert sha256(run.base / "model.safetensors") == sha256(base / "model.safetensors")
    adapted, plain = load_model(run.output, CPU), load_model(base, CPU)
    source, target = [5, 6, 7, 1], [8, 9]
    assert logprobs(adapted, [(source, target)])[0] != pytest.approx(logprobs(plain, [(source, target)])[0], abs=1e-3)


def test_smoothing_changes_what_is_trained_and_not_what_is_measured(data, models, tmp_path):
    smooth, sharp = (
        trained(tmp_path / str(share), data, spec(TRAININGS["T5"], {"smoothing": share}), models) for share in (0.3, 0.0)
    )
    losses = [read_csv(run.output / "history.csv") for run in (smooth, sharp)]
    assert losses[0].validation_loss[0] == losses[1].validation_loss[0]
    assert losses[0].validation_loss.iloc[-1] != losses[1].validation_loss.iloc[-1]


def test_smoothing_of_a_language_model_is_refused(data, models, tmp_path):
    told = refused(tmp_path, data, spec(FINETUNED, {"smoothing": 0.1}), models)
    assert told == "models.ruth.training.smoothing: of encoder–decoders alone; expected 0, found 0.1"


def test_a_prefix_of_an_encoder_decoder_is_refused(data, models, tmp_path):
    told = refused(tmp_path, data, spec(TRAININGS["LoRA of a T5"], adaptation={"kind": "prefix"}), models)
    assert told.startswith("models.ruth.adaptation.kind: a prefix does not reach the encoder of")
    assert told.endswith("expected full or lora, found prefix")


def test_a_tokenizer_without_an_end_is_refused(data, models, tmp_path):
    plain = characters.build("abcdef :Backwrds\n")
    corpus = make_pairs(tmp_path / "words", words(20), validation=4)
    characters.save(plain, corpus / "tokenizer")
    told = refused(tmp_path / "scratch", corpus, SCRATCH, models)
    assert re.match(r"models.ruth.tokenizer: expected one with a token that ends a text \(eos_token\)", told)
    model = gpt.build(Architecture(width=8, layers=1, heads=2, block=64), len(plain))
    characters.save(plain, tmp_path / "models" / "plain")
    gpt.save(model, None, tmp_path / "models" / "plain")
    told = refused(tmp_path / "finetuned", corpus, spec(FINETUNED, base="plain"), tmp_path / "models")
    told_without_key = "expected one with a token that ends a text (eos_token), found none: no target would end"
    assert told == f"models.ruth.tokenizer: {told_without_key}"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (spec(FINETUNED, source_tokens=60), r"source_tokens and target_tokens: expected at most the context of .*, found 76$"),
        (spec(FINETUNED, source_tokens=44, adaptation=TEXT_PREFIX), "tokens behind the prefix, found 60$"),
        (spec(FINETUNED, adaptation={"kind": "prefix", "text": "word " * 64}), "adaptation.text: expected fewer tokens than"),
        (spec(FINETUNED, chat=True), "chat: expected a model whose tokenizer has a chat template"),
        (spec(TRAININGS["LoRA of a T5"], adaptation={**T5_LORA, "targets": ["c_attn"]}), "no layer of .* is called 'c_attn'"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_the_base_are_refused(data, models, tmp_path, settings, sentence):
    assert re.search(sentence, refused(tmp_path, data, settings, models))


def test_more_tokens_than_positions_are_refused(data, models, tmp_path):
    build("bart").save_pretrained(tmp_path / "models" / "bart")
    characters.save(tokenizer(), tmp_path / "models" / "bart")
    settings = spec(FINETUNED, base="bart", template="{source}")
    told = refused(tmp_path / "a", data, {**settings, "source_tokens": 33}, tmp_path / "models")
    assert re.fullmatch("models.ruth.source_tokens: expected at most the 32 positions of .*, found 33", told)
    told = refused(tmp_path / "b", data, {**settings, "target_tokens": 33}, tmp_path / "models")
    assert re.fullmatch("models.ruth.target_tokens: expected at most the 32 positions of .*, found 33", told)


def test_an_empty_side_is_told(tmp_path, models):
    data = make_pairs(tmp_path / "words", ["abc", "", "fed", "cab"], validation=1)
    characters.save(tokenizer(words(60)), data / "tokenizer")
    assert re.search("row 0: the text is empty", refused(tmp_path / "a", data, SCRATCH, models))
