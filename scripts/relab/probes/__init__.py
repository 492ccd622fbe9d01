"""Probes: what is fitted on frozen features."""
