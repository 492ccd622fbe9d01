"""References say in their types what they name; the check and the closure follow from the types alone."""

from __future__ import annotations

import pytest
from pydantic import Field

from relab.artefacts.kind import Member
from relab.errors import UserError
from relab.settings.base import Settings
from relab.settings.references import Family, Named, Ref, Reference, check, needed, of_kind, references

WILD = of_kind("a cat", "wild")


class Cat(Settings):
    kind: str = Field("tame", description="Kind.")
    mother: Ref["cats"] | None = Field(None, description="Its mother.")
    toys: list[Ref["toys"]] = Field([], description="Its toys.")


class Toy(Settings):
    kind: str = Field("ball", description="Kind.")


class Inner(Settings):
    best: Ref["toys"] = Field(description="A toy in a group of settings.")


class House(Settings):
    cats: Family["cats"] = Field(description="A litter.")
    guard: Ref["cats", WILD] = Field(description="A wild one.")
    noted: dict[Ref["toys"], str] = Field({}, description="Toys as keys.")
    inner: Inner | list[str] = Field(description="A group, or words.")


ARTEFACTS = {
    "cats": {
        "tom-1": Member(Cat(mother="queen"), {}, "tom"),
        "tom-2": Member(Cat(toys=["mouse"]), {}, "tom"),
        "queen": Member(Cat(toys=["ball"], mother="queen"), {}, "queen"),
        "lynx": Member(Cat(kind="wild"), {}, "lynx"),
        "stray": Member(Cat(), {}, "stray"),
    },
    "toys": {name: Member(Toy(), {}, name) for name in ("rope", "mouse", "ball", "bell")},
}
HOUSE = House(cats="tom", guard="lynx", noted={"bell": "x"}, inner=Inner(best="rope"))


def test_references_are_found_wherever_they_stand():
    found = [(one.key, one.reference.kind, one.name) for one in references(HOUSE, "house")]
    assert found == [
        ("house.cats", "cats", "tom"),
        ("house.guard", "cats", "lynx"),
        ("house.noted", "toys", "bell"),
        ("house.inner.best", "toys", "rope"),
    ]
    words = HOUSE.model_copy(update={"inner": ["rope"]})
    assert "house.inner" not in [one.key for one in references(words, "house")]


def test_what_is_needed_follows_through_families_and_circles_in_declared_order():
    assert needed(references(HOUSE, "house"), ARTEFACTS) == {
        "cats": ["tom-1", "tom-2", "queen", "lynx"],
        "toys": ["rope", "mouse", "ball", "bell"],
    }
    only = [Named("x", Reference("cats"), "tom-2")]
    assert needed(only, ARTEFACTS) == {"cats": ["tom-2"], "toys": ["mouse"]}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"guard": "linx"}, "house.guard: 'linx' is not among the cats; did you mean 'lynx'?"),
        ({"guard": "queen"}, "house.guard: 'queen' is of the kind tame, expected a cat of the kind wild"),
        ({"cats": "tom-1"}, "house.cats: 'tom-1' is not among the cats; did you mean 'tom'?"),
        ({"noted": {"drum": "x"}}, "house.noted: 'drum' is not among the toys"),
        ({"inner": Inner(best="ropes")}, "house.inner.best: 'ropes' is not among the toys; did you mean 'rope'?"),
    ],
)
def test_a_reference_that_leads_nowhere_is_one_sentence(changed, sentence):
    house = HOUSE.model_copy(update=changed)
    with pytest.raises(UserError) as error:
        for named in references(house, "house"):
            check(named, ARTEFACTS)
    assert str(error.value) == sentence
