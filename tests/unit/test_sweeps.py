"""The models of a sweep, their groups and labels; files that are told apart by the models they are of."""

import pytest

from relab.artefacts.kind import Member
from relab.errors import UserError
from relab.inputs import by_name
from relab.rows.shared.sweeps import Group, SweptModel, groups, label, titles
from relab.settings.base import Titled, expand


def test_groups_are_labelled_and_sorted_by_size():
    models = {
        f"{width}-{batch}-{seed}": SweptModel(
            corpus="italian", seed=seed, varied={"batch": batch, "seed": seed, "width": width, "corpus": "italian", "block": 64}
        )
        for width in (256, 32)
        for batch in (256, 32)
        for seed in (1, 0)
    }
    swept = groups(models)
    assert [group.label for group in swept][:2] == ["width 32, block 64, batch 32", "width 32, block 64, batch 256"]
    assert [group.experiment for group in swept][-1] == "italian/width 256, block 64, batch 256"
    assert swept[0].members == {0: "32-32-0", 1: "32-32-1"}


def test_two_models_of_one_seed_are_refused():
    twice = {name: SweptModel(corpus="italian", seed=0, varied={}) for name in "ab"}
    with pytest.raises(UserError, match="a and b differ in nothing"):
        groups(twice)


def test_models_that_differ_in_seed_and_corpus_alone_have_a_label_too():
    assert Group("italian", {}, {0: "a"}).label == "all"
    assert label({"width": 32, "corpus": "Divina Commedia", "block": 64, "depth": 2}) == "width 32, block 64, depth 2"


def called(title: str, **sweep) -> dict[str, str]:
    members = expand("models", {"m": {"name": "-".join(f"{{{key}}}" for key in sweep), "title": title, "sweep": sweep}})
    return titles({name: Member(Titled(title=raw["title"]), varied, "m") for name, (raw, varied, _) in members.items()})


def test_groups_are_called_by_their_title_and_what_varies_apart_from_corpus_and_seed():
    sweep = {"corpus": ["italian", "english"], "width": [32, 128], "seed": [0, 1]}
    assert called("GPT", **sweep) == {"width 32": "GPT, width 32", "width 128": "GPT, width 128"}
    assert called("GPT", **{**sweep, "width": [32]}) == {"width 32": "GPT, width 32"}
    assert called("GPT", seed=[0, 1]) == {"all": "GPT"}
    assert called("", **sweep) == {}


def test_what_stands_in_the_title_is_not_said_again():
    by_title = called("GPT of width {width}", width=[32, 128], block=[64])
    assert by_title == {f"width {width}, block 64": f"GPT of width {width}, block 64" for width in (32, 128)}


def test_files_are_told_apart_by_their_folder(tmp_path):
    assert by_name([tmp_path / "a" / "x.csv"], ["a"], "histories") == {"a": tmp_path / "a" / "x.csv"}
    with pytest.raises(UserError, match="--histories: no file of b"):
        by_name([tmp_path / "a" / "x.csv"], ["a", "b"], "histories")
    with pytest.raises(UserError, match="not expected: a file of a"):
        by_name([tmp_path / "a" / "x.csv"], [], "histories")
