"""From the scores of answers to the advantages of their tokens.

All tensors are ``[texts, tokens]`` unless said otherwise, answers padded on the right; ``real`` is true where there is a token
of an answer, and what stands at padding counts nowhere.
"""

from __future__ import annotations

import torch

#: Variances below this are no differences: advantages that are all but equal are not blown up.
_LEAST_VARIANCE = 1e-8


def token_rewards(scores: torch.Tensor, log_ratios: torch.Tensor, real: torch.Tensor, coefficient: float) -> torch.Tensor:
    """The reward of each token: minus its share of the KL divergence, and at an answer's last token the answer's score.

    Args:
        scores: the score of each answer ``[texts]``.
        log_ratios: log-probability under the policy less that under the reference.
        real: see above; each answer has a token at least.
        coefficient: weight of the KL divergence.
    """
    rewards = torch.where(real, -coefficient * log_ratios, 0.0)
    last = real.sum(1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores.to(rewards.dtype)[:, None])


def gae(rewards: torch.Tensor, values: torch.Tensor, real: torch.Tensor, discount: float, decay: float) -> torch.Tensor:
    """Generalised advantage estimates (Schulman et al. 2016).

    Args:
        rewards: of each token.
        values: what was expected to follow, before each token.
        real: see above.
        discount: γ, by which a reward counts less a token later.
        decay: λ; 0 trusts the values, 1 the rewards alone.
    """
    advantages = torch.zeros_like(rewards)
    next_advantage = next_value = rewards.new_zeros(len(rewards))
    for token in reversed(range(rewards.shape[1])):
        surprise = rewards[:, token] + discount * next_value - values[:, token]
        advantages[:, token] = next_advantage = (surprise + discount * decay * next_advantage) * real[:, token]
        next_value = values[:, token] * real[:, token]
    return advantages


def leave_one_out(rewards: torch.Tensor, real: torch.Tensor, answers: int) -> torch.Tensor:
    """The sum of an answer's rewards less the mean of the other answers' to its prompt (RLOO, Ahmadian et al. 2024).

    Args:
        rewards: of each token.
        real: see above.
        answers: answers to each prompt, which stand in a row; 2 at least.

    Returns:
        The same advantage for all tokens of an answer.
    """
    sums = torch.where(real, rewards, 0.0).sum(1).view(-1, answers)
    others = (sums.sum(1, keepdim=True) - sums) / (answers - 1)
    return (sums - others).view(-1, 1) * real


def whiten(advantages: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Advantages with the mean 0 and the standard deviation 1 over all real tokens; 0 at padding."""
    tokens = advantages[real]
    scale = (tokens.var(correction=0) + _LEAST_VARIANCE).rsqrt()
    return torch.where(real, (advantages - tokens.mean()) * scale, 0.0)


def adapted_coefficient(coefficient: float, divergence: float, target: float, share: float) -> float:
    """The coefficient after texts with a KL divergence: raised where that was above the target (Ziegler et al. 2019).

    Args:
        coefficient: the one so far.
        divergence, target: of texts, in nats.
        share: the texts' share of those after which a coefficient may have changed by a fifth.
    """
    error = min(0.2, max(-0.2, divergence / target - 1))
    return coefficient * (1 + error * share)
