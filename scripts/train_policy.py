"""Train all weights of a language model on the rewards of its own answers, by proximal policy optimisation (PPO).

It answers prompts, a reward model scores the answers, and what was scored above expectation becomes more probable, while the
model stays near the one that it starts from. Progress is kept, and signals are answered, as by train_model.py.
"""

from functools import partial

from relab.errors import run
from relab.training.program import policy_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    args = policy_parser(__doc__).parse_args()

    with StopSignal() as stop:
        from relab import gpt
        from relab.training import policies
        from relab.training.finetuning import PolicyFinetuning, from_pretrained

        train_on_dataset(
            args, PolicyFinetuning, lambda job, device: from_pretrained(job, args.base, device),
            train=partial(policies.train, reward_model=args.reward_model), model_files=gpt.FILES,
            inputs=policies.inputs(args.base, args.reward_model), stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
