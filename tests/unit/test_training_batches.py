"""Blocks drawn from a stream of tokens."""

from __future__ import annotations

import pytest
import torch
from support.tokens import tokens_of, write

from relab.errors import UserError
from relab.training.batches import RandomBlocks, evenly_spread_blocks, open_stream

CPU = torch.device("cpu")
TOKENS = tokens_of([range(100)])


def blocks(tokens=TOKENS, *, block=8, batch=4, accumulation=1, seed=0) -> RandomBlocks:
    return RandomBlocks(tokens, block=block, batch=batch, accumulation=accumulation, seed=seed, device=CPU)


@pytest.mark.parametrize(("batch", "accumulation"), [(4, 1), (2, 2), (5, 1), (30, 1)])
def test_without_replacement_each_block_is_read_once_an_epoch(batch, accumulation):
    source = RandomBlocks(TOKENS, block=8, batch=batch, accumulation=accumulation, seed=0, device=CPU, replacement=False)
    steps = 60 // (batch * accumulation)
    starts = torch.cat([drawn(source, step)[:, 0] for step in range(steps)])
    epochs = starts[:60].reshape(5, 12).tolist()  # 99 targets are twelve blocks of eight, of which none is cut
    assert all(sorted(epoch) == [8 * index for index in range(12)] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5, "each epoch has an order of its own"


def test_what_is_drawn_without_replacement_depends_on_seed_and_step_alone():
    def starts(step, seed=0):
        source = RandomBlocks(TOKENS, block=8, batch=5, accumulation=1, seed=seed, device=CPU, replacement=False)
        return drawn(source, step)[:, 0].tolist()

    source = RandomBlocks(TOKENS, block=8, batch=5, accumulation=1, seed=0, device=CPU, replacement=False)
    assert [drawn(source, step)[:, 0].tolist() for step in range(8)] == [starts(step) for step in range(8)]
    assert [starts(step, 1) for step in range(8)] != [starts(step) for step in range(8)]


def drawn(source: RandomBlocks, step: int) -> torch.Tensor:
    return torch.cat([batch.inputs for batch in source.batches(step)])


def test_targets_are_the_tokens_that_follow():
    ((inputs, targets, predicted),) = blocks().batches(0)
    assert predicted is None, "every position has a target"
    assert inputs.shape == targets.shape == (4, 8)
    assert torch.equal(inputs + 1, targets)
    assert targets.dtype == torch.int64


def test_what_is_drawn_depends_on_seed_and_step_alone():
    source = blocks()
    later = drawn(source, 7)
    assert torch.equal(later, drawn(source, 7))
    assert torch.equal(later, drawn(blocks(), 7))
    assert not torch.equal(later, drawn(source, 8))
    assert not torch.equal(later, drawn(blocks(seed=1), 7))


def test_drawing_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    drawn(blocks(), 0)
    assert torch.equal(before, torch.get_rng_state())


def test_accumulated_batches_hold_the_blocks_of_the_bigger_one():
    shared_out = blocks(batch=2, accumulation=3)
    assert [len(batch.inputs) for batch in shared_out.batches(5)] == [2, 2, 2]
    assert torch.equal(drawn(shared_out, 5), drawn(blocks(batch=6), 5))
    assert shared_out.targets(5) == [2 * 8] * 3


def test_every_start_is_drawn_about_equally_often():
    source = blocks(batch=1000)
    starts = torch.cat([drawn(source, step)[:, 0] for step in range(20)])
    counts = torch.bincount(starts, minlength=92)
    assert len(counts) == 92  # the last start leaves room for a block and the token after it
    assert counts.min() > 150 and counts.max() < 300


def test_a_text_of_one_block_and_a_token_has_one_block():
    inputs, targets, _ = next(blocks(tokens_of([range(9)])).batches(0))
    assert torch.equal(inputs, torch.arange(8).expand(4, 8))
    assert targets[0, -1] == 8


def test_validation_blocks_reach_from_the_start_to_the_end():
    batches = evenly_spread_blocks(TOKENS, block=8, count=5, batch=2, device=CPU)
    assert [len(batch.inputs) for batch in batches] == [2, 2, 1]
    assert torch.cat([batch.inputs[:, 0] for batch in batches]).tolist() == [0, 22, 45, 68, 91]
    assert batches[-1].targets[-1, -1] == 99
    (batch,) = evenly_spread_blocks(TOKENS, block=8, count=1, batch=2, device=CPU)
    assert batch.inputs[:, 0].tolist() == [0]


def test_a_short_validation_text_has_no_block_twice():
    batches = evenly_spread_blocks(tokens_of([range(10)]), block=8, count=50, batch=32, device=CPU)
    assert torch.cat([batch.inputs[:, 0] for batch in batches]).tolist() == [0, 1]


def test_blocks_reach_over_documents_and_what_stands_between_them():
    ids = [[number, number + 1, number + 2] for number in range(0, 3000, 3)]
    found = blocks(tokens_of(ids, [7000]), block=50, batch=20)
    stream = sum(([*one, 7000] for one in ids), [])[:-1]
    for step in range(5):
        (batch,) = found.batches(step)
        for row, following in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            start = stream.index(next(one for one in row if one != 7000)) - (row[0] == 7000)
            assert row == stream[start : start + 50] and following == stream[start + 1 : start + 51]


def test_what_was_drawn_may_be_written_to_and_the_file_stays_as_it_is():
    (batch,) = blocks().batches(0)
    batch.inputs.zero_()
    assert TOKENS.slice(0, 100).tolist() == list(range(100))


def test_a_block_longer_than_the_corpus_is_an_error(tmp_path):
    path = write(tmp_path / "train.arrow", [[1, 2, 3], [4, 5, 6, 7]], [0, 0])
    assert open_stream(path, 8).size == 9
    told = r"^block: expected fewer than the 9 tokens of the train text of the corpus \S+, found 9$"
    with pytest.raises(UserError, match=told):
        open_stream(path, 9)
