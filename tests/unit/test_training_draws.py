"""Which rows of different lengths the batches of an update hold, and those of an evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from relab.training.draws import LengthBuckets, by_falling_length, parts_of_similar_length

LENGTHS = np.random.default_rng(0).integers(1, 60, 500).tolist()
BATCHES = 63  # of eight rows, the last of which has but four


def epoch(buckets: LengthBuckets, number: int) -> list[list[int]]:
    steps = range(number * BATCHES, (number + 1) * BATCHES)
    return [batch for step in steps for batch in buckets.rows(step)]


def test_every_epoch_has_every_row_once_in_an_order_of_its_own():
    buckets = LengthBuckets(LENGTHS, 8, seed=1)
    first, second = epoch(buckets, 0), epoch(buckets, 1)
    for batches in (first, second):
        assert sorted(row for batch in batches for row in batch) == list(range(500))
        assert len(batches) == buckets.steps_per_epoch == BATCHES
        assert sorted(map(len, batches)) == [4, *[8] * (BATCHES - 1)]
    assert first != second
    assert {tuple(sorted(batch)) for batch in first}.isdisjoint(tuple(sorted(batch)) for batch in second)
    wasted = [max(LENGTHS[row] for row in batch) * len(batch) - sum(LENGTHS[row] for row in batch) for batch in first]
    assert sum(wasted) < 0.2 * sum(LENGTHS), "rows of similar length stand together"


def test_what_is_drawn_depends_on_seed_and_step_alone():
    buckets = LengthBuckets(LENGTHS, 8, seed=1)
    later = epoch(buckets, 2)
    assert epoch(buckets, 0) == epoch(LengthBuckets(LENGTHS, 8, seed=1), 0), "whatever was drawn before"
    assert later == epoch(LengthBuckets(LENGTHS, 8, seed=1), 2) != epoch(LengthBuckets(LENGTHS, 8, seed=2), 2)


@pytest.mark.parametrize("accumulation", [2, 4])
def test_accumulated_batches_are_those_of_single_steps_and_no_step_reaches_into_the_next_epoch(accumulation):
    """``epochs`` of a classifier are passes at most: the last step of an epoch takes what is left."""
    single, together = LengthBuckets(LENGTHS, 8, seed=1), LengthBuckets(LENGTHS, 8, seed=1, accumulation=accumulation)
    for number in range(2):
        steps = range(number * together.steps_per_epoch, (number + 1) * together.steps_per_epoch)
        assert [batch for step in steps for batch in together.rows(step)] == epoch(single, number)
        assert [len(together.rows(step)) for step in steps][:-1] == [accumulation] * (len(steps) - 1)
        assert len(together.rows(steps[-1])) == BATCHES - accumulation * (len(steps) - 1)


def test_evaluation_reads_every_row_once_by_falling_length():
    batches = by_falling_length([3, 9, 1, 9, 5], 2)
    assert batches == [[1, 3], [4, 0], [2]], "of equals the first comes first"


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [
        ([10, 200, 11, 190], [[1, 3], [0, 2]]),  # two passes spare the padding of two rows
        ([10, 20, 30, 15], [[0, 1, 2, 3]]),  # a pass takes longer than this padding
        ([50, 50, 50], [[0, 1, 2]]),
        ([300], [[0]]),
    ],
)
def test_a_batch_is_parted_where_its_padding_takes_longer_than_one_more_pass(lengths, parts):
    assert parts_of_similar_length(range(len(lengths)), lengths) == parts


def test_no_division_into_parts_costs_less():
    """All divisions of eight rows, sorted by length, are tried."""
    lengths = [3, 90, 41, 44, 7, 160, 88, 12]

    def cost(parts: list[list[int]]) -> int:
        return sum(max(lengths[row] for row in part) * len(part) + 20 for part in parts)

    ordered = sorted(range(8), key=lambda row: -lengths[row])
    cuts = [[index for index in range(1, 8) if chosen >> index - 1 & 1] for chosen in range(2**7)]
    divisions = [[ordered[a:b] for a, b in zip([0, *cut], [*cut, 8], strict=True)] for cut in cuts]
    assert cost(parts_of_similar_length(range(8), lengths, pass_tokens=20)) == min(map(cost, divisions))
