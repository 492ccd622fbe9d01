"""Metrics as subclasses of ``evaluate.Metric``, used directly: no hub, no loading script."""
