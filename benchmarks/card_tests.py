"""A plugin of pytest that keeps the tests that are skipped where there is no CUDA card, and no others."""

from __future__ import annotations


def wants_a_card(test) -> bool:
    """Whether a test is marked to be skipped for want of a CUDA card."""
    return any("CUDA" in mark.kwargs.get("reason", "") for mark in test.iter_markers("skipif"))


def pytest_collection_modifyitems(config, items: list) -> None:
    config.hook.pytest_deselected(items=[test for test in items if not wants_a_card(test)])
    items[:] = filter(wants_a_card, items)
