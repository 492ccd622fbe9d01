"""The kinds of artefacts in the order data flows, and the rules that make them."""

from __future__ import annotations

from relab.artefacts import (
    assets,
    classifiers,
    corpora,
    datasets,
    encoders,
    models,
    probes,
    reward_models,
    samplings,
    tokenizers,
)
from relab.artefacts.kind import Kind, Maker

KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (assets, corpora, tokenizers, models, samplings, datasets, encoders, probes, classifiers, reward_models)
}

#: The rules that make artefacts, each with the kind of artefacts that it makes.
MAKERS: dict[str, tuple[Maker, Kind]] = {maker.rule: (maker, kind) for kind in KINDS.values() for maker in kind.makers}
