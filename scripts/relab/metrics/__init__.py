"""Metrics as subclasses of ``evaluate.Metric``, used directly: no hub, no loading script."""

import sys

# Where Transformers is installed, evaluate loads all its pipelines, for evaluators that nothing here uses: three seconds of
# every job that computes a metric. It does without where it finds none. Modules elsewhere take Metric from here, not from it.
if "transformers" not in sys.modules:
    sys.modules["transformers"] = None  # type: ignore[assignment]
    try:
        import evaluate
    finally:
        del sys.modules["transformers"]
else:
    import evaluate

import datasets

#: The features of a metric whose predictions are texts.
TEXTS = datasets.Features({"predictions": datasets.Value("string")})


class Metric(evaluate.Metric):
    """A metric that is described by class attributes; subclasses implement ``_compute``."""

    DESCRIPTION: str
    CITATION = ""
    INPUTS = "predictions: texts."
    FEATURES = TEXTS

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.DESCRIPTION, citation=self.CITATION, inputs_description=self.INPUTS, features=self.FEATURES
        )
