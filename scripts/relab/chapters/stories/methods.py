"""Which sampled method is a setting under an account of the temperature (row D5).

Accounts share methods: at temperature 1 all are the same, and one that ignores the temperature draws at any as all do at 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from relab.errors import UserError
from relab.settings.chapters import SamplerSetting
from relab.settings.samplings import Decoding
from relab.texts.arguments import inert
from relab.texts.samples import Texts


def plain(method: Decoding) -> Decoding:
    """The method with each argument that cannot act at its default: equal ones choose the same tokens."""
    while without := inert(method):
        method = method.model_copy(update={name: Decoding.model_fields[name].default for name in without})
    return method


def method_of(setting: SamplerSetting, rule: str, samplings: Sequence[Texts]) -> tuple[str, str]:
    """The sampling and the method that draw as a setting does under an account; the first ones that do.

    Raises:
        UserError: where none does.
    """
    wanted = plain(setting.decoding(rule))
    for one in samplings:
        for name, texts in one.methods.items():
            if texts[0].settings is not None and plain(texts[0].settings) == wanted:
                return one.sampling, name
    names = ", ".join(one.sampling for one in samplings)
    raise UserError(
        f"temperature: expected a method that draws with temperature {setting.temperature:g}, temperature_rule {rule}, top_k "
        f"{setting.top_k} among those of the samplings {names}, found none"
    )
