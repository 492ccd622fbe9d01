"""From the scores of answers to the advantages of their tokens, beside slow references."""

from __future__ import annotations

import pytest
import torch

from relab.training.policy.advantages import adapted_coefficient, gae, leave_one_out, token_rewards, whiten

LENGTHS = torch.tensor([5, 1, 3, 4])
REAL = torch.arange(5) < LENGTHS[:, None]


def numbers(seed: int = 0) -> torch.Tensor:
    """Random numbers, at padding too, where none may count."""
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def expected_advantage(rewards: list[float], values: list[float], token: int, discount: float, decay: float) -> float:
    """As the paper defines it: the mean of all n-step advantages, weighted by powers of λ (Schulman et al. 2016, eq. 16)."""
    left = len(rewards) - token

    def after(steps: int) -> float:
        total = sum(discount**index * rewards[token + index] for index in range(steps))
        return total + (discount**steps * values[token + steps] if steps < left else 0.0) - values[token]

    return (1 - decay) * sum(decay ** (steps - 1) * after(steps) for steps in range(1, left)) + decay ** (left - 1) * after(
        left
    )


@pytest.mark.parametrize(("discount", "decay"), [(1.0, 0.95), (0.9, 0.5), (1.0, 0.0), (0.7, 1.0)])
def test_gae_is_the_weighted_mean_of_all_n_step_advantages(discount, decay):
    rewards, values = numbers(1), numbers(2)
    advantages = gae(rewards, values, REAL, discount, decay)
    for row, length in enumerate(LENGTHS.tolist()):
        lists = rewards[row, :length].tolist(), values[row, :length].tolist()
        expected = [expected_advantage(*lists, token, discount, decay) for token in range(length)]
        assert advantages[row, :length].tolist() == pytest.approx(expected, abs=1e-12)
    assert not advantages[~REAL].any()


def test_perfect_values_leave_no_advantage():
    rewards = numbers(3) * REAL
    values = rewards.flip(1).cumsum(1).flip(1)  # what follows, counted from the end
    assert gae(rewards, values, REAL, 1.0, 0.95).abs().max() < 1e-12


def test_a_score_is_the_reward_of_the_last_token_and_of_no_other():
    """Neither the first token of padding gets it nor the end of the longest answer."""
    scores = torch.tensor([10.0, 20.0, 30.0, 40.0])
    rewards = token_rewards(scores, numbers(4).float(), REAL, 0.0)
    assert rewards.tolist() == [[0, 0, 0, 0, 10], [20, 0, 0, 0, 0], [0, 0, 30, 0, 0], [0, 0, 0, 40, 0]]


def test_the_penalty_of_a_text_is_the_sum_of_its_log_ratios():
    log_ratios = numbers(5)
    rewards = token_rewards(torch.zeros(4), log_ratios, REAL, 0.3)
    assert torch.allclose(rewards.sum(1), -0.3 * (log_ratios * REAL).sum(1))
    assert not rewards[~REAL].any()


def test_an_answer_is_compared_with_the_others_to_its_prompt():
    rewards = numbers(6)
    advantages = leave_one_out(rewards, REAL, answers=2)
    sums = [sum(row[:length]) for row, length in zip(rewards.tolist(), LENGTHS.tolist(), strict=True)]
    expected = [sums[0] - sums[1], sums[1] - sums[0], sums[2] - sums[3], sums[3] - sums[2]]
    for row, length in enumerate(LENGTHS.tolist()):
        assert advantages[row, :length].tolist() == pytest.approx([expected[row]] * length)
    assert not advantages[~REAL].any()
    of_four = leave_one_out(rewards, REAL, answers=4)[:, 0]
    assert of_four[2].item() == pytest.approx(sums[2] - (sums[0] + sums[1] + sums[3]) / 3)


def test_whitened_advantages_have_mean_0_and_deviation_1_over_tokens():
    white = whiten(5 + 3 * numbers(7), REAL)
    assert white[REAL].mean().item() == pytest.approx(0, abs=1e-9)
    assert white[REAL].std(correction=0).item() == pytest.approx(1)
    assert not white[~REAL].any()


def test_advantages_that_are_all_but_equal_are_not_blown_up():
    assert whiten(1 + 1e-8 * numbers(8), REAL).abs().max() < 1e-3


@pytest.mark.parametrize(("divergence", "factor"), [(6.0, 1.0), (6.6, 1.01), (60.0, 1.02), (0.0, 0.98), (5.4, 0.99)])
def test_the_coefficient_follows_the_divergence_by_a_fifth_at_most(divergence, factor):
    assert adapted_coefficient(0.5, divergence, 6.0, share=0.1) == pytest.approx(0.5 * factor)
