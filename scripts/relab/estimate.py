"""How long jobs take, roughly, before anything has been measured on the machine at hand."""

from __future__ import annotations

from typing import Any

from relab.utilisation import flops_per_token

#: Seconds of the default scale's jobs, from the benchmark files of a run on a 2-core server (AMD EPYC) with other work on it.
SECONDS = {
    "clean_corpus": 1.6,
    "train_tokenizer": 1.6,
    "import_model": 25.0,
    "import_tokenizer": 5.0,
    "tokenize_corpus": 6.0,
    "finetune_model": 40.0,
    "train_adapter": 35.0,
    "sample_texts": 32.0,
    "judge_texts": 20.0,
    "trace_temperature": 5.0,
    "read_passages": 11.0,
    "score_finetuning": 6.0,
    "score_stories": 7.0,
    "score_story_models": 5.0,
    "trace_words": 8.0,
    "import_encoder": 6.0,
    "encode_texts": 10.0,
    "fit_classifier": 11.0,
    "fit_ranker": 15.0,
    "finetune_classifier": 35.0,
    "finetune_classifier_by_adapter": 120.0,
    "score_classifiers": 8.0,
    "draw_classifiers": 4.0,
    "fit_retriever": 5.0,
    "score_classification": 8.0,
    "score_choice": 5.0,
    "score_retrieval": 9.0,
    "draw_classification": 5.0,
    "draw_choice": 4.0,
    "draw_retrieval": 4.0,
    "measure_memory": 20.0,
    "tabulate_layers": 9.0,
    "tabulate_tokens": 6.0,
    "tabulate_generations": 7.0,
    "estimate_memory": 7.0,
    "check_facts": 7.0,
    "score_texts": 7.0,
    "score_mingpt": 7.0,
    "draw_mingpt": 3.0,
    "score_char_gpt": 13.0,
    "score_claims": 4.0,
    "tabulate_char_gpt": 4.2,
    "draw_char_gpt": 4.9,
}
#: Other jobs: the start of their program.
DEFAULT_SECONDS = 1.6
#: Training time per token as an overhead per layer plus work in proportion to the floating-point operations: the line through
#: 54.0 k tokens/s at width 32 and 13.0 k at width 128 (benchmarks/results/training.jsonl, one thread).
SECONDS_PER_LAYER_TOKEN, SECONDS_PER_FLOP = 3.4e-6, 1.22e-11


def seconds(rule: str, spec: dict[str, Any] | None = None) -> float:
    """Seconds of one CPU core that a job of ``rule`` with these settings takes, to within a factor of two or so."""
    if rule != "train_model" or spec is None:
        return SECONDS.get(rule, DEFAULT_SECONDS)
    architecture, training = spec["architecture"], spec["training"]
    layers, width, block = (architecture[key] for key in ("layers", "width", "block"))
    tokens = training["steps"] * training["accumulation"] * training["batch"] * block
    # a small vocabulary: how large the tokenizer's is does not stand in the settings of the job
    flops = flops_per_token(12 * layers * width**2 + 100 * width, 0, layers, width, block)
    return 10 + tokens * (layers * SECONDS_PER_LAYER_TOKEN + flops * SECONDS_PER_FLOP)
