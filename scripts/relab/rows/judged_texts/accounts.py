"""Which sampled method is a setting under an account of the temperature.

Accounts share methods: at temperature 1 all are the same, and the account that ignores the temperature draws at any of them as
all do at 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relab.errors import UserError
from relab.rows.judged_texts.names import RULES, ComparedSetting, SamplerSetting, contrasts
from relab.settings.references import unknown
from relab.settings.samplings import Decoding
from relab.texts.arguments import inert_arguments

#: Methods by name, by sampling.
Methods = Mapping[str, Mapping[str, Decoding]]


def compared_settings(
    names: Sequence[str], samplings: Methods, reported: Mapping[str, float], key: str
) -> list[ComparedSetting]:
    """The settings that some methods draw at, each with the methods that draw so under every account.

    Args:
        names: the methods, each of the first sampling that has one of that name.
        samplings: the methods of all samplings that are compared.
        reported: perplexities that the write-up reports, by ``sampling/method``.
        key: the key of these settings, for the message.

    Raises:
        UserError: a method that there is not, or that does not draw; settings among which the temperature cannot be compared;
            an account that none of the methods draws by.
    """
    settings = []
    for name in names:
        sampling = next((sampling for sampling, methods in samplings.items() if name in methods), None)
        if sampling is None:
            known = [method for methods in samplings.values() for method in methods]
            raise unknown(name, known, f"methods of {', '.join(samplings)}", f"{key}.methods")
        method = samplings[sampling][name]
        if not method.do_sample:
            raise UserError(f"{key}.methods: expected methods that draw, found {name!r}")
        setting = SamplerSetting(temperature=method.temperature, top_k=method.top_k)
        drawn = {rule: method_of(setting, rule, samplings, f"{key}.samplings") for rule in RULES}
        settings.append(ComparedSetting(**setting.model_dump(), methods=drawn, reported=reported.get(f"{sampling}/{name}")))
    _check_comparable(settings, f"{key}.methods")
    return settings


def _check_comparable(settings: Sequence[SamplerSetting], key: str) -> None:
    labels = [setting.label for setting in settings]
    if len(set(labels)) < len(labels):
        raise UserError(f"{key}: expected each setting once, found {'; '.join(labels)}")
    if not contrasts(settings):
        raise UserError(f"{key}: expected two that differ in temperature alone, found {'; '.join(labels)}")


def without_inert_arguments(method: Decoding) -> Decoding:
    """The method with each argument that cannot act at its default: equal ones choose the same tokens."""
    while names := inert_arguments(method):
        method = method.model_copy(update={name: Decoding.model_fields[name].default for name in names})
    return method


def method_of(setting: SamplerSetting, rule: str, samplings: Methods, key: str) -> tuple[str, str]:
    """The sampling and the method that draw as a setting does under an account; the first ones that do.

    Raises:
        UserError: where none does.
    """
    wanted = without_inert_arguments(setting.decoding(rule))
    for sampling, methods in samplings.items():
        for name, method in methods.items():
            if without_inert_arguments(method) == wanted:
                return sampling, name
    top_k = "" if setting.top_k is None else f", top_k {setting.top_k}"
    raise UserError(
        f"{key}: expected a method that draws with temperature {setting.temperature:g}, temperature_rule {rule}{top_k} among "
        f"those of the samplings {', '.join(samplings)}, found none"
    )
