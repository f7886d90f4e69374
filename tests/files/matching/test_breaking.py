"""Whatever was done to a file's keys is undone: each key of the model gets the very tensor it was, or is ambiguous."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from breaking import WAYS, Broken, as_entries, unbroken, wrong
from hypothesis import given, settings
from hypothesis import strategies as st
from known_models import NAMES, TORCHVISION, known, of_file

from inspector.files.matching import Diagnosis, diagnose

SMALL = [name for name in NAMES if name not in ("maxvit_t", "densenet121", "efficientnet_v2_s", "inception_v3")]
FEW = ("resnet18", "vit_b_16", "mobilenet_v2")


def few_quick(names: Iterable[str]) -> list[Any]:
    """Of torchvision's models, those in `FEW` are tested also by `make quick`."""
    return [
        pytest.param(name, marks=pytest.mark.slow if name in TORCHVISION and name not in FEW else ()) for name in names
    ]


def broken_by(name: str, ways: list[int], seed: int) -> Broken:
    random = Random(seed)
    broken = unbroken(known(name))
    for way in ways:
        broken = WAYS[way](broken, random)
    return broken


def check(name: str, broken: Broken) -> Diagnosis:
    model = known(name)
    diagnosis = diagnose(as_entries(broken), model)
    assert wrong(diagnosis, broken, model) == {}
    if not diagnosis.ambiguous:
        assert diagnosis.loads, diagnosis.verdict
        assert diagnosis.coverage == 1
        assert diagnosis.stays_random == []
    return diagnosis


@pytest.mark.parametrize("name", few_quick(NAMES))
def test_a_file_of_the_model_itself_needs_no_rule(name: str) -> None:
    diagnosis = diagnose(of_file(known(name)), known(name))
    assert diagnosis.loads
    assert diagnosis.rules == []
    assert diagnosis.ambiguous == []
    assert all(one.sources == [one.target] and one.change == "copy" for one in diagnosis.transfers)


@pytest.mark.parametrize("name", few_quick(NAMES))
def test_every_single_way_of_breaking_is_undone(name: str) -> None:
    for way in range(len(WAYS)):
        check(name, broken_by(name, [way], way))


@pytest.mark.parametrize("name", few_quick(TORCHVISION))
def test_several_ways_at_once_are_undone(name: str) -> None:
    for seed in range(6):
        ways = Random(f"{name} {seed}").sample(range(len(WAYS)), 2 + seed)
        check(name, broken_by(name, ways, seed))


@pytest.mark.slow
@given(
    st.sampled_from(SMALL),
    st.lists(st.integers(0, len(WAYS) - 1), min_size=1, max_size=5, unique=True),
    st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_random_combinations_are_undone_or_said_to_be_ambiguous(name: str, ways: list[int], seed: int) -> None:
    check(name, broken_by(name, ways, seed))


@pytest.mark.slow
def test_few_cases_are_ambiguous() -> None:
    cases = [
        (name, seed) for name in ("resnet18", "vgg16", "convnext_tiny", "lenet", "bert_like") for seed in range(20)
    ]
    ambiguous = 0
    for name, seed in cases:
        ways = Random(f"{name} {seed}").sample([at for at, way in enumerate(WAYS) if way.__name__ != "transposed"], 4)
        ambiguous += bool(check(name, broken_by(name, ways, seed)).ambiguous)
    assert ambiguous <= len(cases) // 50
