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

Metric = evaluate.Metric
