"""Tables of models that learn a text by heart: what they know of it, and their greedy texts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from relab.cells import format_fixed
from relab.judging.storage import read_judgements
from relab.rows.job import MAIN, Job
from relab.rows.memorisation import names
from relab.rows.memorisation.names import SPLITS, ScoreSpec
from relab.rows.memorisation.texts import samplings
from relab.rows.shared.best import LOWER, Ranking
from relab.rows.shared.finetuning_names import PERPLEXITY
from relab.rows.shared.finetuning_tables import PERPLEXITIES, SHARES, Cells, curve, models_table
from relab.scores import Summaries
from relab.texts.samples import Texts

#: Decimals of probabilities.
PROBABILITIES = 5
#: What is good in what a model knows: to have learnt the text by heart.
GOOD = {f"{names.TRAINED}_perplexity": Ranking(PERPLEXITY, LOWER, names.TRAINED)}
#: How much of a text stands in the text that is learnt: columns, metrics, decimals.
COPIES = (("run", names.CHARACTERS, 0), ("tokens", names.TOKENS, 0), ("8grams", names.COPIED, SHARES))


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(ScoreSpec)
    scores = Summaries.read(job.file("scores"))
    judgements = read_judgements(job.file("judgements"))
    return {
        MAIN: models_table(spec, scores, judgements, lambda experiment: knowledge(experiment, scores), GOOD),
        "texts": texts_table(spec, scores, samplings(job, spec)),
        "curve": curve(spec, job.by_name("histories", spec.models)),
    }


def knowledge(experiment: str, scores: Summaries) -> Cells:
    """The cells of what a model knows of what was learnt, and of the rest."""
    cells = {}
    for split in SPLITS:
        cells |= scores.cells(f"{split}_perplexity", experiment, PERPLEXITY, split, PERPLEXITIES)
        cells |= scores.cells(f"{split}_probability", experiment, names.PROBABILITY, split, PROBABILITIES)
        cells |= scores.cells(f"{split}_logprob", experiment, names.LOGPROB, split, 1)
        cells[f"{split}_tokens"] = f"{scores.value(experiment, names.TOKENS_READ, split):.0f}"
    return cells


def texts_table(spec: ScoreSpec, scores: Summaries, texts: Mapping[str, Texts]) -> pd.DataFrame:
    """A greedy text of a model a row: what follows the prompt, and how much of it stands in what was trained and in the rest.

    ``_run`` is the longest run of characters, ``_tokens`` that of tokens, ``_8grams`` the share of its 8-grams of words;
    ``same`` tells whether the other methods gave the same text, token by token; it is empty where there is no other.
    """
    rows = []
    for name in (spec.base, *spec.order):
        model, is_base = spec.with_base[name], name == spec.base
        greedy, *methods = texts[name].methods.values()
        for number, text in enumerate(greedy):
            row = {"model": name if is_base else model.experiment, "seed": "" if is_base else str(model.seed)}
            row |= {"prompt": text.prompt, "text": text.text}
            for split in SPLITS:
                for column, metric, digits in COPIES:
                    seeds = scores.per_seed(f"{model.experiment}/{text.prompt}", metric, split).set_index("seed")
                    row[f"{split}_{column}"] = format_fixed(seeds.loc[str(model.seed), "value"], digits)
            row["tokens"] = str(len(text.tokens))
            same = all(method[number].token_ids == text.token_ids for method in methods)
            row["same"] = "" if not methods else "yes" if same else "no"
            rows.append(row)
    return pd.DataFrame(rows)
