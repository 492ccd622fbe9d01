"""Train a LoRA adapter of a language model on the rewards of its own answers, by proximal policy optimisation (PPO).

The model's weights stay as they are, and are the reference; what is written is a PEFT directory, as by train_adapter.py.
"""

from functools import partial

from relab.errors import run
from relab.training.program import policy_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    args = policy_parser(__doc__).parse_args()

    with StopSignal() as stop:
        from relab import adapters
        from relab.training import policies
        from relab.training.finetuning import PolicyFinetuning, with_adapter

        train_on_dataset(
            args, PolicyFinetuning, lambda job, device: with_adapter(job, args.base, device),
            train=partial(policies.train, reward_model=args.reward_model), model_files=adapters.FILES,
            inputs=policies.inputs(args.base, args.reward_model), stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
