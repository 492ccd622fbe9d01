"""The models of the full scale, as config/full.yaml declares them, for benchmarks that train and sample such ones."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHARACTERS = 80  # the Inferno's alphabet, about; it is known only where the corpus is


class Scale:
    """The full scale's models; small ones, for trying this program out.

    Attributes:
        small: whether sizes and texts are small.
    """

    def __init__(self, small: bool):
        self.small = small

    @functools.cached_property
    def _declared(self) -> dict[str, Any]:
        """The configuration as Snakemake merges it, unchecked."""
        import yaml

        from relab.settings.base import without_null

        layers = [yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")) for name in ("config.yaml", "full.yaml")]
        return without_null(functools.reduce(laid_over, layers))

    def model(self, key: str):
        """The settings of the largest model of a declaration, in tokens of a step times parameters."""
        from relab.settings.base import check, expand
        from relab.settings.models import TrainedModel

        members = expand("models", self._declared["models"]).values()
        models = [check(TrainedModel, plain, f"models.{key}") for plain, _, declaration in members if declaration == key]
        largest = max(models, key=lambda model: model.training.batch * model.architecture.block * model.architecture.width**2)
        if not self.small:
            return largest
        architecture = largest.architecture.model_copy(update={"width": 32, "layers": 2, "heads": 2, "block": 31})
        training = largest.training.model_copy(update={"batch": 4})
        return largest.model_copy(update={"architecture": architecture, "training": training})

    def vocabulary(self, key: str) -> int:
        """Tokens of the vocabulary of a model of :meth:`model`."""
        tokenizer = self._declared["tokenizers"].get(self.model(key).tokenizer, {})
        return tokenizer.get("vocab_size", CHARACTERS)

    def number(self, whole: int) -> int:
        """How many texts are measured."""
        return max(8, whole // 64) if self.small else whole


def laid_over(below: Any, above: Any) -> Any:
    """A configuration with another one laid over it: groups are merged, anything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: laid_over(below.get(key), value) for key, value in above.items()}}
