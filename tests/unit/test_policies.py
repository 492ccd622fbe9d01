"""Policies that learn from the rewards of their answers: what users of such code stumble over."""

from __future__ import annotations

import math
import re
import shutil

import pytest
import torch
from support.finetuning import make_base
from support.policies import WAYS, job, letters, trainer
from transformers import AutoModelForCausalLM

from relab import characters, gpt
from relab.checkpoints import load_model
from relab.errors import UserError
from relab.sampling import sample, text_seed
from relab.sampling.token_selector import TokenSelector
from relab.settings.models import Architecture
from relab.settings.samplings import Decoding
from relab.training.policy.network import target_logprobs, token_distributions
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def dropping(base, tmp_path_factory):
    """The same model, whose configuration asks for dropout."""
    folder = tmp_path_factory.mktemp("dropping") / "base"
    shutil.copytree(base, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.config.attn_pdrop = model.config.resid_pdrop = model.config.embd_pdrop = 0.3
    model.config.save_pretrained(folder)
    return folder


def rollouts(policy, iteration: int = 0):
    """The answers of an iteration, sampled anew."""
    policy.objective._sample(iteration, 0)
    return policy.objective._rollouts


def perturb(policy, scale: float = 0.05) -> None:
    """Move all trained weights of the policy away from its base."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters.values():
            parameter.add_(torch.randn_like(parameter) * scale)


def train(policy, folder, stop_at: int | None = None):
    """Train to the end, or as a signal at a step makes it stop."""
    stop = StopSignal()
    update = policy.update

    def update_and_stop() -> None:
        update()
        stop.signal = "SIGTERM" if policy.progress.step == stop_at else None

    policy.update = update_and_stop
    with State.open(folder, 1e9) as state:
        if checkpoint := state.load():
            policy.restore(*checkpoint)
        policy.run(state, stop)
    return policy


@every_way
def test_there_is_no_divergence_before_the_first_update(dropping, way):
    """Though the base's configuration asks for dropout."""
    answers = rollouts(trainer(dropping, job(**WAYS[way])))
    assert answers.log_ratios.abs().max() < 1e-5


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_ratios_estimate_the_divergence(base, temperature):
    """From answers of the whole distribution: were they drawn from fewer tokens, they would lie below."""
    policy = trainer(base, job(temperature=temperature, training={"texts": 1000, "batch": 50}))
    perturb(policy, 0.03)
    answers = rollouts(policy)
    error = (answers.log_ratios.sum(1).std() / len(answers) ** 0.5).item()
    assert answers.divergence > 10 * error, "else nothing is told apart"
    assert answers.log_ratios.sum(1).mean().item() == pytest.approx(answers.divergence, abs=4 * error)
    assert (answers.divergences >= 0).all()


@every_way
def test_the_policys_log_probabilities_are_those_that_the_sampler_drew_from(base, way):
    settings = job(**WAYS[way])
    policy = trainer(base, settings)
    perturb(policy)
    answers = rollouts(policy)
    prompts = policy.objective._prompts_of(0)
    selector = TokenSelector(
        [Decoding(do_sample=True, temperature=settings.temperature)], [[0]], torch.ones(1, 1, dtype=torch.float64)
    )
    for row, prompt in enumerate(prompts):
        length, start = int(answers.lengths[row]), int(answers.starts[row])
        ids = answers.token_ids[row, : start + length].tolist()
        assert ids[:start] == prompt.read.token_ids
        with torch.no_grad():
            raw = policy.model.policy(torch.tensor([ids])).logits[0].log_softmax(-1)
        drawn_from = selector.probabilities(raw[start - 1 : -1]).log()
        expected = drawn_from[torch.arange(length), torch.tensor(ids[start:])]
        assert torch.allclose(answers.logprobs[row, :length].double(), expected, atol=1e-4)
        assert not answers.logprobs[row, length:].any()


def test_at_temperature_1_they_are_the_samplers_own(base):
    policy = trainer(base, job())
    answers, objective = rollouts(policy), policy.objective
    generations = sample(
        policy.model.policy,
        [prompt.read.token_ids for prompt in objective._prompts_of(0)],
        length=8,
        seeds=[text_seed(objective.settings.seed, 0, index) for index in range(len(answers))],
        decoding=Decoding(do_sample=True),
        stop=objective.sampler.lm.ends(),
    )
    for row, generation in enumerate(generations):
        length = int(answers.lengths[row])
        assert length == len(generation.token_ids)
        assert answers.logprobs[row, :length].tolist() == pytest.approx(generation.logprobs, abs=1e-4)


@every_way
def test_ratios_are_1_and_values_those_of_the_rollouts_at_the_first_minibatch(dropping, way):
    policy = trainer(dropping, job(**WAYS[way]))
    perturb(policy)
    policy.objective.prepare(0)
    for batch in policy.objective.batches(0):
        distributions, values = policy.model(batch.batch, policy.objective.settings.temperature)
        assert (target_logprobs(distributions, batch.batch) - batch.logprobs).exp().sub(1).abs().max() < 1e-4
        if values is not None:
            assert batch.values.abs().max() > 0
            assert torch.allclose(values, batch.values, atol=1e-4)
        assert not policy.objective.loss(policy.model, batch).totals["clipped"]


def test_the_gradient_of_the_first_minibatch_is_the_policy_gradient(base):
    """Advantage times the gradient of the log-probability, in a mean over tokens, in however many passes."""
    policy = trainer(base, job(training={"batch": 16, "accumulation": 1}))
    policy.objective.prepare(0)
    passes = list(zip(policy.objective.items(0), policy.objective.batches(0), strict=True))
    for texts, batch in passes:
        (policy.objective.loss(policy.model, batch).mean * texts / 16).backward()
    gradients = {name: parameter.grad for name, parameter in policy.model.policy.named_parameters()}
    again = trainer(base, job()).model.policy
    gains = [
        target_logprobs(token_distributions(again, batch.batch, 1.0), batch.batch) * batch.advantages for _, batch in passes
    ]
    (-torch.cat(gains).mean()).backward()
    for name, parameter in again.named_parameters():
        assert torch.allclose(gradients[name], parameter.grad, atol=1e-6)


@every_way
def test_the_reference_is_the_base_bit_for_bit(base, way):
    """However far the policy has moved; for LoRA the policy is the reference's network too."""
    settings = job(**WAYS[way])
    policy = trainer(base, settings)
    perturb(policy)
    answers = rollouts(policy)
    batch = answers.batch(list(range(len(answers))), CPU)
    with torch.no_grad():
        alone = token_distributions(load_model(base, CPU), batch, settings.temperature)
        with policy.objective.sampler.reference() as reference:
            assert torch.equal(token_distributions(reference, batch, settings.temperature), alone)
        moved = token_distributions(policy.model.policy, batch, settings.temperature)
        assert not torch.allclose(moved, alone, atol=1e-3)
    assert torch.allclose(answers.reference[answers.real], target_logprobs(alone, batch), atol=1e-5)
    assert all(parameter.requires_grad for parameter in policy.parameters.values())


def test_padding_on_either_side_changes_nothing(base):
    """A text's numbers are those that it has by itself; the sampler pads on the left, training on the right."""
    policy = trainer(base, job(training={"texts": 16, "batch": 1, "accumulation": 1}))
    perturb(policy)
    answers, objective = rollouts(policy), policy.objective
    assert len(set(answers.starts.tolist())) > 3
    for row, prompt in enumerate(objective._prompts_of(0)):
        alone = objective.sampler.rollouts([prompt], [text_seed(objective.settings.seed, 0, row)])
        length = int(alone.lengths[0])
        assert int(answers.lengths[row]) == length and alone.rewards[0] == answers.rewards[row]
        for name in ("logprobs", "reference", "entropies", "values"):
            assert torch.allclose(getattr(answers, name)[row, :length], getattr(alone, name)[0], atol=1e-4)


def test_a_batch_cut_in_two_is_the_same_update(base):
    """Tokens count alike, however many of them a batch has. With plain gradients, since Adam makes all of them as large."""
    whole, halves = (
        trainer(base, job(training={"batch": 8 // parts, "accumulation": parts, "optimizer": "sgd", "learning_rate": 0.1}))
        for parts in (1, 2)
    )
    for policy in (whole, halves):
        policy.update()
    assert float(whole._losses[0]) == pytest.approx(float(halves._losses[0]), abs=1e-6)
    for name, parameter in whole.parameters.items():
        torch.testing.assert_close(halves.parameters[name], parameter, atol=2e-5, rtol=1e-4)


@every_way
def test_a_reward_that_is_constant_changes_no_weight(base, way, tmp_path):
    """There is nothing to learn, and no divergence to be paid for."""
    policy = trainer(base, job(**WAYS[way]), lambda texts: torch.full((len(texts),), 7.3))
    before = {name: parameter.detach().clone() for name, parameter in policy.parameters.items()}
    train(policy, tmp_path)
    assert all(torch.equal(policy.parameters[name], before[name]) for name in before)
    assert policy.progress.history[-1]["train_standardised_reward"] == 0


@every_way
def test_rewards_are_standardised_on_the_references_texts(base, way):
    """Scaling and shifting the reward changes nothing that is learnt from."""
    policies = [trainer(base, job(**WAYS[way]), reward) for reward in (letters, lambda texts: 40 * letters(texts) - 1000)]
    for policy in policies:
        perturb(policy)
        policy.objective.prepare(0)
    one, other = ([*policy.objective.batches(0)] for policy in policies)
    for expected, batch in zip(one, other, strict=True):
        assert torch.allclose(batch.advantages, expected.advantages, atol=1e-4)
        assert torch.allclose(batch.returns, expected.returns, atol=1e-4)


@every_way
@pytest.mark.parametrize("step", [1, 3, 4, 7])
def test_training_is_resumed_bit_for_bit(base, way, step, tmp_path):
    """Before and at the end of an iteration, between two evaluations: of four steps two go over the texts again."""
    unbroken = train(trainer(base, job(**WAYS[way])), tmp_path / "unbroken")
    with pytest.raises(UserError, match=f"stopped at step {step} of 12 by SIGTERM"):
        train(trainer(base, job(**WAYS[way])), tmp_path / "broken", stop_at=step)
    resumed = train(trainer(base, job(**WAYS[way]), seed=99), tmp_path / "broken")
    assert resumed.progress.history == unbroken.progress.history
    for kind in ("parameters", "best"):
        tensors, expected = getattr(resumed, kind), getattr(unbroken, kind)
        assert all(torch.equal(tensors[key], expected[key]) for key in expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rewards_that_are_not_finite_are_refused(base, value, tmp_path):
    def reward(texts):
        return torch.where(letters(texts) > 1, value, 0.0)

    with pytest.raises(UserError, match=f"reward_model: expected a finite number for every text, found {value} for "):
        train(trainer(base, job(), reward), tmp_path)


def test_a_policy_that_runs_away_is_stopped(base, tmp_path):
    settings = job(kl={"coefficient": 0.0, "bound": 3.0}, training={"learning_rate": 0.05, "steps": 100})
    with pytest.raises(UserError) as error:
        train(trainer(base, settings), tmp_path)
    assert re.fullmatch(
        r"the policy has run away from its base: expected a KL divergence of at most 3 nats a text \(kl.bound\), "
        r"found \d+\.\d at step \d+; raise kl.coefficient or lower training.learning_rate",
        str(error.value),
    )


@pytest.mark.parametrize(("target", "rises"), [(0.01, True), (100.0, False)])
def test_an_adaptive_coefficient_follows_the_divergence(base, target, rises, tmp_path):
    kl = {"coefficient": 0.1, "target": target, "horizon": 160}
    settings = job(kl=kl, training={"steps": 60, "learning_rate": 0.01, "evaluation": {"every": 60, "texts": 8}})
    first, last = train(trainer(base, settings), tmp_path).progress.history
    assert first["kl_coefficient"] == 0.1
    assert (last["train_kl"] > target) == (last["kl_coefficient"] > 0.1) == rises


@every_way
def test_the_reward_rises(base, way, tmp_path):
    rate = 0.03 if "LoRA" in way else 0.01
    training = {"steps": 80, "texts": 64, "batch": 32, "accumulation": 1, "learning_rate": rate}
    settings = job(**WAYS[way], training={**training, "evaluation": {"every": 80, "texts": 64}})
    means: list[float] = []

    def reward(texts: list[str]) -> torch.Tensor:
        means.append(sum(text.count("\n") for text in texts) / len(texts))
        return torch.tensor([float(text.count("\n")) for text in texts])

    policy = train(trainer(base, settings, reward), tmp_path)
    last = policy.progress.history[-1]
    assert set(policy.objective.columns) == set(last)
    assert last["texts_seen"] == 80 * 32
    iterations = means[2:-1]  # before them the reference's answers and an evaluation, after them another one
    assert len(iterations) == 20, "texts are sampled once an iteration"
    if "adaptive" not in way:  # whose target of half a nat leaves no room to rise
        assert sum(iterations[-5:]) / 5 > sum(iterations[:5]) / 5 + 0.1, "the reference's deviation is 0.27"
    assert 0 < last["train_length"] <= 8 and 0 <= last["train_ended"] <= 1
    assert last["train_kl"] > 0.1 and 0 < last["clip_fraction"] < 1 and 0 < last["train_entropy"] < math.log(320)


@pytest.fixture(scope="module")
def two_tokens(tmp_path_factory):
    """A model that knows two letters."""
    folder, letters_only = tmp_path_factory.mktemp("two") / "base", characters.build("ab")
    torch.manual_seed(0)
    model = gpt.build(Architecture(width=8, layers=1, heads=1, block=8), len(letters_only))
    characters.save(letters_only, folder)
    gpt.save(model, None, folder)
    return folder


def bandit(base, reward, way: str = "all weights", coefficient: float = 1.0):
    """A policy whose answers are one of two tokens, and a function that returns the probability of the second."""
    training = {"texts": 128, "batch": 128, "accumulation": 1, "epochs": 1, "steps": 70, "learning_rate": 0.02}
    settings = job(
        **WAYS[way], answer_tokens=1, prompt_tokens=4, kl={"coefficient": coefficient}, reference_texts=500,
        training={**training, "evaluation": {"every": 70, "texts": 8}, "schedule": {"kind": "linear"}},
    )  # fmt: skip
    policy = trainer(base, settings, reward, words="a")
    return policy, lambda: policy.model.policy(torch.tensor([[0]])).logits[0, -1].softmax(-1)[1].item()


@pytest.mark.parametrize("way", ["all weights", "leaving one out"])
@pytest.mark.parametrize("coefficient", [0.0, 1.0])
def test_a_two_token_bandit_is_solved(two_tokens, way, coefficient, tmp_path):
    """The best policy is the reference's times e to the reward over the coefficient, and is known for two answers."""
    policy, probability = bandit(
        two_tokens, lambda texts: torch.tensor([float(text.endswith("b")) for text in texts]), way, coefficient
    )
    before = probability()
    train(policy, tmp_path)
    _, deviation = policy.objective._standard
    odds = math.inf if not coefficient else before / (1 - before) * math.exp(1 / deviation / coefficient)
    best = 1.0 if math.isinf(odds) else odds / (1 + odds)
    assert 0.4 < before < 0.6 < best
    assert probability() == pytest.approx(best, abs=0.03)


def test_where_nothing_is_rewarded_a_policy_goes_back_to_its_reference(two_tokens, tmp_path):
    policy, probability = bandit(two_tokens, lambda texts: torch.full((len(texts),), 7.3))
    before = probability()
    perturb(policy, 0.3)
    assert abs(probability() - before) > 0.15
    train(policy, tmp_path)
    assert probability() == pytest.approx(before, abs=0.03)
