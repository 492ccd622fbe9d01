"""What the jobs of a row share: their settings, the names of systems, experiments and metrics.

Experiments are ``{name of the row}/{system}``, the split that of the prompts; ``… − {system}`` of what a system has beyond the
reference model; ``{name of the row}/{scorer}`` of how well the reward model and the judge tell human answers apart. Rewards and
verdicts are in standard deviations of those of the reference model's texts, whose mean is 0.
"""

from __future__ import annotations

from relab.rows.shared.systems import NamedRow
from relab.settings.base import Int, Name, Settings

#: Human answers to the same prompts, as tables call them.
PREFERRED, REJECTED = "human, preferred", "human, rejected"
HUMAN = {"chosen": PREFERRED, "rejected": REJECTED}

REWARD, JUDGE = "reward", "judge"
#: What gives texts a number, by the column of it.
SCORERS = {REWARD: "reward model", JUDGE: "judge"}

JUDGED_PREFERRED = "judged preferred"
KL = "KL divergence"
DISTINCT, COMMONEST = "distinct-2 of all texts", "texts with its commonest phrase"
WORDS, ENDED = "words", "ended"
ACCURACY = "pair accuracy"

#: Words of a phrase, the commonest of which is looked for.
PHRASE = 3

#: What curves show of validation answers of PPO, and of validation pairs of DPO.
PPO = ("standardised_reward", "kl", "entropy", "length", "ended")
DPO = ("accuracy", "chosen_logprob", "rejected_logprob")
#: What was trained before policies.
REFERENCE, REWARD_MODEL = "reference", "reward model"


class Spec(NamedRow):
    """Settings of the jobs that measure and score the row and write its tables."""

    split: str
    reference: str  #: what tables call the reference model's texts
    systems: dict[str, dict[Name, Int]]  #: the samplings of each system, each with the seed of its model
    order: list[str]  #: the systems, the reference first
    judge: bool  #: whether a judge reads the texts beside the reward model
    examples: Int = 0

    @property
    def policies(self) -> list[str]:
        """The systems that were trained from the reference."""
        return [system for system in self.order if system != self.reference]

    @property
    def scorers(self) -> list[str]:
        """The columns of what gives texts a number."""
        return [REWARD, JUDGE] if self.judge else [REWARD]

    @property
    def compared(self) -> list[str]:
        """The metrics of which differences from the reference are scored."""
        return [*self.scorers, *([JUDGED_PREFERRED] if self.judge else []), DISTINCT, WORDS]


class MeasureSpec(Spec):
    """Settings of the job that measures texts."""

    preferred: str = ""  #: the judge's class of texts that are preferred
    threads: Int


class CurveModel(Settings):
    """A trained policy: what tables call it, how it learnt (``ppo``, ``dpo``), and its seed."""

    label: str
    kind: str
    seed: Int


class CurvesSpec(Settings):
    """Settings of the job that tabulates what training measured: models by name, and their order."""

    models: dict[Name, CurveModel]
    order: list[Name]


def wins(scorer: str) -> str:
    """The metric of how often a text gets more than the reference model's text after the same prompt."""
    return f"{scorer} win rate"
