"""Filters against what they mean, written out in Python; and what is said of those that do not read."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.findings import Finding
from inspector.core.loads import Load, Mismatch
from inspector.core.results import ForwardReport, RowRun, Statistics
from inspector.core.row_facts import RowFacts
from inspector.core.row_filters import FilterError, parse_filter
from inspector.core.table import Failure, ModelInfo, ModelTable, Row, Tensor, Totals


def statistics(nan=0, zeros=0.0, absmax=1.0, dead=0.0) -> Statistics:
    return Statistics(mean=0.1, std=0.5, min=-absmax, max=absmax / 2, zeros=zeros, nan=nan, dead_units=dead)


def row(index, path, type, **more) -> Row:
    kind = "function" if type.startswith("F.") else "module"
    return Row(index=index, parent=0 if index else None, kind=kind, path=path, name=path.rpartition(".")[2], type=type,
               depth=min(index, 1), **more)  # fmt: skip


ROWS = [
    row(0, "", "Net", reached=True, parameters=1_100_000, trainable_parameters=1_099_000, subtree=6),
    row(1, "stem", "Conv2d", reached=True, parameters=1000, output_shapes=[[1, 64, 256, 256]], dtype="bfloat16",
        device="cuda:0", flops=2_000_000_000),
    row(2, "attn", "MultiheadAttention", reached=True, parameters=1_099_000, trainable_parameters=1_099_000,
        output_shapes=[[1, 7, 64], [1, 7, 7]], dtype="float32", device="cpu"),
    row(3, "", "F.relu", reached=True, output_shapes=[[1, 64, 256, 256]]),
    row(4, "Attention2", "Linear", parameters=0, lazy=True, shared_with=["x"]),
    row(5, "head", "Linear", reached=True, parameters=10, parameter_bytes=40_000_000, trainable_parameters=10),
]  # fmt: skip
RUNS = [
    RowRun(seconds=0.01),
    RowRun(seconds=0.002, statistics=statistics(zeros=0.75), gradient_norm=1e-9),
    RowRun(seconds=0.0005, statistics=statistics(nan=3, absmax=5000.0)),
    RowRun(statistics=statistics(dead=0.5)),
    RowRun(),
    RowRun(gradient_norm=2.0),
]
FINDING = Finding(
    rule="NN101", name="n", severity="error", path="stem.weight", message="m", evidence="", fix="", may_be_wrong=""
)


def table(**more) -> ModelTable:
    return ModelTable(
        model=ModelInfo(name="m", framework="torch", target="m.py"), rows=ROWS, totals=Totals(modules=5), **more
    )


def tensor(key) -> Tensor:
    return Tensor(key=key, kind="parameter", shape=[1], dtype="float32", device="cpu", trainable=True, persistent=True,
                  elements=1, bytes=4, expression="")  # fmt: skip


LOADED = table(
    tensors=[tensor("head.weight"), tensor("stem.weight")],
    load=Load(
        matched=0, coverage=0.0, missing=["head.weight"],
        mismatched=[Mismatch(key="stem.weight", file_shape=[2], model_shape=[1])],
    ),
    failure=Failure(path="head", type="E", message="m"),
)  # fmt: skip
ALL = RowFacts(LOADED, ForwardReport(table=LOADED, runs=RUNS), [FINDING])


def found(text, facts=ALL) -> list[int]:
    return list(parse_filter(text).matches(facts, facts.table.rows))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("type:Conv2d", [1]), ("type:relu", [3]), ("type:F.relu", [3]), ("type:conv2d", []), ("type:*Attention", [2]),
        ("name:attn", [2]), ("name:ATT", [2, 4]), ("name:Att*", [4]), ("name:?tem", [1]),
        ("params>1e6", [0, 2]), ("params>=1M", [0, 2]), ("params=10", [5]), ("params!=0 params<1k", [5]),
        ("shape:*x256x*", [1, 3]), ("shape:1x7x7", [2]), ("dtype:bf16", [1]), ("dtype:float32", [2]),
        ("device:cuda:0", [1]), ("device:cuda*", [1]), ("frozen", [1]), ("trainable", [0, 2, 5]), ("lazy", [4]),
        ("shared", [4]), ("nan", [2]), ("dead", [3]), ("zeros>0.5", [1]), ("zeros>50%", [1]), ("absmax>1e3", [2]),
        ("grad<1e-6", [1]), ("flops>1e9", [1]), ("flops>1G", [1]), ("time>1ms", [0, 1]), ("time<=500us", [2]),
        ("bytes>10MB", [5]), ("finding", [1]), ("never-ran", [4]), ("missing", [5]), ("mismatch", [1]), ("failed", [5]),
        ("depth=0", [0]), ("kind:function", [3]),
        ("-trainable", [1, 3, 4]), ("not trainable", [1, 3, 4]), ("- trainable", [1, 3, 4]),
        ("nan | dead", [2, 3]), ("nan or dead", [2, 3]), ("type:Linear -lazy", [5]), ("type:Linear and -lazy", [5]),
        ("type:Linear & -lazy", [5]), ("(nan | dead) type:*relu", [3]), ("-(nan|dead) shape:*", [1]),
        ("nan | dead type:Linear", [2]),
    ],
)  # fmt: skip
def test_a_filter_finds_the_rows_it_means(text, rows):
    assert found(text) == rows


def test_what_is_not_known_fulfils_nothing_and_not_the_contrary_either():
    bare = RowFacts(table())
    for term in ("nan", "dead", "zeros<1", "time<1s", "grad<1", "finding", "missing"):
        assert found(term, bare) == found(f"-{term}", bare) == []
        assert parse_filter(term).unanswered(bare)
        assert not parse_filter(term).unanswered(ALL)
    assert found("-shape:*") == found("-device:*") == found("-dtype:*") == []
    assert parse_filter("shape:*").needs == {"shapes"}
    assert found("nan | type:Conv2d", bare) == [1]
    assert parse_filter("type:Conv2d").unanswered(bare) == ""


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", 0, "missing"), ("   ", 3, "missing"), ("foo", 0, "nothing to filter by"), ("nan parms>3", 4, "params"),
        ("params>", 7, "compared with a number"), ("params>big", 7, "compared"), ("params>3x", 8, "1e6"),
        ("time>3kB", 6, "1ms"), ("nan | ", 6, "missing"), ("| nan", 0, "missing"), ("(nan", 4, "a ) is missing"),
        ("nan)", 3, "closes nothing"), ("type:", 5, "Linear"), ("-", 1, "missing"), ("nan -", 5, "missing"),
        ("(" * 60 + "nan", 51, "inside one another"), ("not " * 60 + "nan", 204, "inside one another"),
        ("colour:red", 0, "'colour' is nothing"), ("nan>3", 0, "nothing to filter by"),
    ],
)  # fmt: skip
def test_what_does_not_read_is_told_with_its_place(text, at, says):
    with pytest.raises(FilterError) as problem:
        parse_filter(text)
    assert problem.value.at == at
    assert says in str(problem.value)
    assert f"character {at + 1}:" in str(problem.value)


@given(st.text(alphabet="nandeparms><=:|&()- 1e6.*xMk\n\"'[]é😀", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_filter_or_refused_in_a_sentence(text):
    try:
        parsed = parse_filter(text)
    except FilterError as problem:
        place = problem.at
    else:
        assert set(parsed.matches(ALL, ROWS)) <= set(range(len(ROWS)))
        place = 0
    assert 0 <= place <= len(text)


TERMS = st.sampled_from(["nan", "dead", "lazy", "type:Linear", "params>10", "zeros>0.5", "never-ran", "shape:1x7*"])
TREES = st.recursive(
    TERMS,
    lambda inner: st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=6,
)


def written(tree) -> str:
    if isinstance(tree, str):
        return tree
    kind, *parts = tree
    texts = [f"({written(part)})" for part in parts]
    return f"-{texts[0]}" if kind == "not" else (" " if kind == "and" else " | ").join(texts)


def holds(tree, index):
    """By Kleene's logic: None is unknown."""
    if isinstance(tree, str):
        return index in found(tree) or (False if index in found(f"-{tree}") else None)
    kind, *parts = tree
    answers = [holds(part, index) for part in parts]
    if kind == "not":
        return None if answers[0] is None else not answers[0]
    decides = kind == "or"
    return decides if decides in answers else None if None in answers else not decides


@given(TREES)
def test_terms_combine_as_logic_of_what_is_and_is_not_known(tree):
    assert found(written(tree)) == [index for index in range(len(ROWS)) if holds(tree, index)]


@given(st.text(alphabet="ab*?[]x1", min_size=1, max_size=6))
def test_patterns_are_those_of_the_shell_but_for_brackets(pattern):
    as_shell = "".join(f"[{letter}]" if letter == "[" else letter for letter in pattern)
    names = ["a", "ab", "abx", "x1", "[a]", "b[1]", "]", "aab"]
    rows = [row(0, "", "Net"), *(row(n, name, name) for n, name in enumerate(names, 1))]
    facts = RowFacts(ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py"), rows=rows))
    expected = [n for n, name in enumerate(names, 1) if fnmatch.fnmatchcase(name, as_shell)]
    assert [index for index in parse_filter(f"type:{pattern}").matches(facts, rows) if index] == expected
