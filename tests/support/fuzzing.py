"""Inputs as nobody foresaw them, and what must come of each: the right rows, or one sentence and no file.

Each function of :data:`PROPERTIES` is a property over examples that hypothesis draws.
"""

from __future__ import annotations

import os
import random
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import yaml
from hypothesis import strategies as st
from support.fuzzed_files import COLUMNS, PACKERS, WORDS, WRITERS, damaged, damages, files, rarely, tables, texts

from relab.artefacts.registry import KINDS
from relab.comparable import comparable
from relab.corpora.build import build as build_corpus
from relab.corpora.storage import documents
from relab.datasets.build import build as build_dataset
from relab.datasets.storage import read
from relab.errors import UserError
from relab.inspection import inspect
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.corpora import Corpus, TableReader
from relab.settings.datasets import AnyDataset
from relab.settings.merging import merged
from relab.tabular import TableFormat, cell_value, read_rows

# settings

columns = st.sampled_from([*COLUMNS, "a.x", ".", "a."])
some_columns = columns | st.lists(columns, min_size=1, max_size=2)
scalars = st.sampled_from(["", "no", "True", "1", 1, 1.0, 0, -1, True, None, "x", [], {}, ["a"], 10**30, "1e-3", "\x00"])


def _mapping(needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy:
    return st.fixed_dictionaries(needed, optional=optional)


delimited = {
    "format": st.sampled_from(["csv", "tsv", "jsonl", "json", "parquet", "arrow", "smart", "topics", "qrels"]),
    "delimiter": st.sampled_from([",", ";", " ", "\t", "|", '"', "\n", "\r", "\x00", "é", "\\", "\ufeff"]) | st.characters(),
    "header": st.lists(columns, min_size=1, max_size=4),
    "quoted": st.booleans(),
    "encoding": st.sampled_from(
        ["utf-8", "utf-16", "latin-1", "ascii", "utf-7", "utf-32", "mac_roman", "shift_jis", "hex", "rot13", "idna", "punycode",
         "unicode_escape", "raw_unicode_escape", "undefined", "base64", "none", "utf_8_sig", "cp037", "zlib", ""]
    ),
}  # fmt: skip
where = {"where": st.dictionaries(columns, scalars, max_size=2)}
division = {
    "document": st.sampled_from(["file", "paragraph", "line", "heading", "separator", "play", "scene"]),
    "regexp": st.sampled_from(["", "#", ".", "(", "a*", "^$", "\\n", "[", "(?i)x"]),
}
sides = st.dictionaries(
    st.sampled_from(["source", "target"]), _mapping({}, {"words": st.just([1, 5]), "matches": st.just(".+")})
)


def _optional(fields: dict[str, Any]) -> st.SearchStrategy:
    """Some of the fields, mostly none."""
    return rarely.flatmap(lambda some: _mapping({}, fields) if some else st.just({}))


def _tables_of(name: str) -> st.SearchStrategy:
    options = _optional({**delimited, **where, "first": st.integers(0, 3), "sql": st.just("select 1 as a")})
    table = options.map(lambda fields: {"file": name, **fields})
    splits = st.sampled_from([["all"], ["train", "test"], ["train"], ["train", "validation", "test"]])
    return splits.flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, table)))


def datasets_of(name: str, names: list[str]) -> st.SearchStrategy:
    """Settings of data sets of any kind that read a file, mostly its columns."""
    columns = st.sampled_from([*names * 6, *COLUMNS])
    some_columns = columns | st.lists(columns, min_size=1, max_size=2)
    part = {"file": st.just(name)}
    about = {"title": st.just(""), "asset": st.just("a")}
    rules = {
        "bad_rows": st.sampled_from(["error", "drop"]),
        "bad_share": st.sampled_from([0, 0.5, 1]),
        "limit": st.just({}) | st.just({"train": 1}),
    }
    split = {**about, "tables": _tables_of(name)}
    labels = st.just({word: f"{len(word)} letters" for word in dict.fromkeys(map(comparable, WORDS))}) | st.dictionaries(
        st.sampled_from(WORDS) | st.booleans(), texts, min_size=2, max_size=6
    )
    ids_and_texts = _mapping({**part, "id": columns, "text": some_columns}, {})
    texts_of = st.tuples(ids_and_texts, _optional({**delimited, **where})).map(lambda parts: parts[0] | parts[1])
    grades = st.dictionaries(st.sampled_from(["1", 1, 2.0, "no", True, ""]), scalars)
    judged = _mapping({**part, "query": columns, "document": columns}, {"relevance": columns})
    judgments = st.tuples(judged, _optional({**delimited, "grades": grades})).map(lambda parts: parts[0] | parts[1])
    forms = st.sampled_from(["columns", "dialogues", "messages"]).flatmap(
        lambda kind: _mapping({"kind": st.just(kind)}, {"prompt": columns, "chosen": columns, "rejected": columns})
    ) | _mapping(
        {"kind": st.just("labelled"), "text": columns, "label": columns, "preferred": scalars, "other": scalars}, {}
    )  # fmt: skip
    return st.one_of(
        _mapping({**split, "kind": st.just("classification"), "text": some_columns, "label": columns, "labels": labels}, rules),
        _mapping(
            {**split, "kind": st.just("choice"), "question": some_columns, "choices": some_columns, "answer": columns},
            {**rules, "names": columns},
        ),
        _mapping(
            {**split, "kind": st.just("pairs")},
            {**rules, "source": some_columns, "target": some_columns, "references": columns, "sides": sides},
        ),
        _mapping({**split, "kind": st.just("preferences"), "form": forms}, rules),
        _mapping(
            {**about, "kind": st.just("retrieval"), "corpus": texts_of, "queries": texts_of, "qrels": judgments},
            {**rules, "limit": st.just({"queries": 1}), "broken_references": st.sampled_from(["error", "drop"])},
        ),
    )


readers = st.one_of(
    _mapping({"kind": st.just("table")}, {**delimited, **where, "column": columns}),
    _mapping({"kind": st.sampled_from(["text", "gutenberg"])}, {**division, "encoding": delimited["encoding"]}),
    _mapping({"kind": st.just("lyrics")}, {**division, **delimited, "column": columns}),
    _mapping({"kind": st.just("play")}, {"document": division["document"], "encoding": delimited["encoding"]}),
    _mapping({"kind": st.just("bible"), "translation": texts}, {}),
    _mapping({"kind": st.just("given"), "texts": st.lists(texts, min_size=2, max_size=4)}, {}),
)
splits = [{"by": by, "validation": share} for by in ("document", "contiguous", "last") for share in (0.1, 0.9)]
corpora = _mapping(
    {"title": st.just(""), "reader": readers},
    {
        "limit": st.integers(1, 3),
        "clean": st.sampled_from([{}, {"mojibake": True, "unicode": "NFKC"}, {"minimum_count": 2}]),
        "split": st.sampled_from(splits),
    },
)


# what must come of them


#: How many actions ended in a result, and in a sentence.
OUTCOMES: Counter[str] = Counter()


def told_or(action: Callable[[], Any]) -> Any:
    """What an action returns, or None where it ends in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = action()
        except UserError as error:
            sentence = str(error)
        else:
            OUTCOMES["results"] += 1
            return result
    OUTCOMES["sentences"] += 1
    assert sentence and not set(sentence) & set("\n\r\x00\x1b"), sentence
    return None


def _file(folder: str, file: tuple) -> Path:
    path = Path(folder, file[0])
    path.write_bytes(file[1])
    return path


def rows_are_read_as_written(data: st.DataObject) -> None:
    """A table that is whole comes out of each form, packed or not, as it went in."""
    columns, rows = data.draw(tables())
    form, packing = data.draw(st.sampled_from(list(WRITERS))), data.draw(st.sampled_from(list(PACKERS)))
    name = f"a.{form}"
    with TemporaryDirectory() as folder:
        content = PACKERS[packing](name, WRITERS[form](columns, rows))
        path = _file(folder, (name + packing, content))
        located = list(read_rows(path, columns, TableFormat(quoted=True)))
    expected = [[row[column] for column in columns] for row in rows]
    if form in ("csv", "tsv"):  # line ends are one sign in text
        expected = [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in expected]
    assert [[cell_value(row, column) for column in columns] for _, row in located] == expected


def files_are_read_or_told(data: st.DataObject) -> None:
    """Any file under any settings of tables is read, or told in one sentence; so does ``relab check``."""
    file, columns_asked = data.draw(files()), data.draw(st.lists(columns, max_size=3))
    settings = {"kind": "table", **data.draw(_optional(delimited))}
    with TemporaryDirectory() as folder:
        path = _file(folder, file)

        def rows() -> list:
            return list(read_rows(path, columns_asked, TableFormat.of(check(TableReader, settings, "reader"), "select 1 as a")))

        told_or(rows)
        told_or(lambda: inspect(path).overlay())


def datasets_are_made_or_told(data: st.DataObject) -> None:
    """A data set of any settings of any file is made whole, or told in one sentence with no file left."""
    file = data.draw(files())
    raw = data.draw(datasets_of(file[0], file[2]))
    with TemporaryDirectory() as folder:
        path = _file(folder, file)
        dataset = told_or(lambda: check(AnyDataset, raw, "datasets.a"))
        for part in dataset.parts if dataset else ():
            target = Path(folder, "made", f"{part}.parquet")
            counts = told_or(lambda part=part, target=target: build_dataset([path], dataset, part, target))
            left = os.listdir(target.parent) if target.parent.exists() else []
            assert (target.name in left) is (counts is not None) and not [name for name in left if name.startswith(".")]
            assert counts is None or len(next(iter(read(target).values()))) == counts["rows"]


def corpora_are_made_or_told(data: st.DataObject) -> None:
    """A corpus of any settings of any file is made whole, or told in one sentence with no file left."""
    file, raw = data.draw(files()), data.draw(corpora)
    with TemporaryDirectory() as folder:
        path, made = _file(folder, file), Path(folder, "made")
        raw |= {} if raw["reader"]["kind"] == "given" else {"asset": "a"}
        corpus = told_or(lambda: check(Corpus, raw, "corpora.a"))
        if corpus is None:
            return
        paths = [made / "train.parquet", made / "validation.parquet"]
        statistics = told_or(lambda: build_corpus([path] if corpus.reads_files else [], corpus, *paths))
        assert sorted(os.listdir(made)) == ([] if statistics is None else [path.name for path in paths])
        if statistics is not None:
            kept = sum(len(text) for path in paths for text in documents(path))
            assert kept == sum(statistics[split]["characters"] for split in ("train", "validation"))


def settings_are_taken_or_told(data: st.DataObject) -> None:
    """Any overlay, as YAML in a file, is taken or told in one sentence."""
    name = data.draw(st.sampled_from(["a.csv", "a.smart", "été.txt", "a b.jsonl"]))
    raw: dict[str, Any] = {
        **{kind: {} for kind in KINDS},
        "rows": {},
        "assets": {"a": {"about": "", "licence": "", "files": {name: {}}, "sources": [{"kind": "local", "path": "x"}]}},
        "datasets": {"d": data.draw(datasets_of(name, ["text", "label"]))},
        "corpora": {"c": {"asset": "a", **data.draw(corpora)}},
    }
    for _ in range(data.draw(st.integers(0, 2))):
        _change(raw, data)
    text = yaml.safe_dump(raw, allow_unicode=True)
    text = damaged(text.encode(), data.draw(damages) if data.draw(rarely) else None)
    with TemporaryDirectory() as folder:
        path = _file(folder, ("mine.yaml", text))
        told_or(lambda: resolve(merged([path])))


def _change(raw: Any, data: st.DataObject) -> None:
    """Change, leave out or add one value somewhere in nested settings."""
    draw = random.Random(data.draw(st.integers(0, 2**16)))
    while isinstance(raw, dict) and raw:
        key = draw.choice(list(raw))
        if isinstance(raw[key], dict) and raw[key] and draw.random() < 0.8:
            raw = raw[key]
            continue
        way = draw.randrange(4)
        if way == 0:
            del raw[key]
        else:
            raw[[key, f"{key}s", "new"][way - 1]] = data.draw(scalars)
        return


PROPERTIES = (
    rows_are_read_as_written,
    files_are_read_or_told,
    datasets_are_made_or_told,
    corpora_are_made_or_told,
    settings_are_taken_or_told,
)


def check_property(prop: Callable[[st.DataObject], None], examples: int, seed: int = 0) -> None:
    """Check a property on examples, the same ones for a seed; the first that does not hold is made small and raises."""
    options = hypothesis.settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    hypothesis.seed(seed)(options(hypothesis.given(st.data())(prop)))()
