"""Two sets of tensors are put beside each other the same way whichever comes first, and rightly."""

from random import Random

import pytest
from breaking import WAYS, Broken, Tensor, as_entries, index_shifted, unbroken
from hypothesis import given, settings
from hypothesis import strategies as st
from known_models import NAMES, TORCHVISION, known

from inspector.files.matching import Alignment, Entry, align
from inspector.files.matching.records import Ambiguity

QUICK = [name for name in NAMES if name not in ("maxvit_t", "densenet121", "efficientnet_v2_s", "inception_v3")]


def broken_by(name: str, ways: list[int], seed: int) -> Broken:
    random = Random(seed)
    broken = unbroken(known(name))
    for way in ways:
        broken = WAYS[way](broken, random)
    return broken


def told(alignment: Alignment, turned: bool = False) -> tuple[object, ...]:
    """What an alignment says, for comparison with one of the sides exchanged."""

    def sides(a: list[str], b: list[str]) -> tuple[tuple[str, ...], ...]:
        return (tuple(b), tuple(a)) if turned else (tuple(a), tuple(b))

    def unsure(one: Ambiguity) -> tuple[tuple[str, ...], ...]:
        return sides(sorted(one.model), sorted(one.candidates))

    matches = {
        (*sides([e.key for e in match.a], [e.key for e in match.b]), match.pieces() is None, match.tied)
        for match in alignment.matches
    }
    squares = {key for one in alignment.ambiguous if "square" in one.why for key in (*one.model, *one.candidates)}
    others = {unsure(one) for one in alignment.ambiguous if "square" not in one.why}
    return matches, squares, others, bool(alignment.foreign)


def wrong(alignment: Alignment, broken: Broken, model: list[Entry]) -> list[tuple[list[str], list[str]]]:
    """Pairs of tensors that hold nothing of each other, though their keys differ and nobody said they may be wrong."""
    tensors: dict[str, Tensor] = {tensor.key: tensor for tensor in broken}
    identity = {entry.key: entry.identity or entry.key for entry in model}
    found = []
    for match in alignment.matches:
        a, b = [entry.key for entry in match.a], [entry.key for entry in match.b]
        held = {identity[key] for one in a for key, _ in tensors[one].holds}
        if not match.ambiguous and a != b and held != {identity[key] for key in b}:
            found.append((a, b))
    return found


def check(name: str, ways: list[int], seed: int) -> None:
    model, broken = known(name), broken_by(name, ways, seed)
    file = as_entries(broken)
    alignment = align(file, model)
    assert told(alignment) == told(align(model, file), turned=True)
    assert not alignment.foreign
    # Where places are shifted, keys that both sides have are paired as they are, and so is what is below them.
    if index_shifted not in [WAYS[way] for way in ways]:
        assert wrong(alignment, broken, model) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_model_beside_itself_is_paired_key_by_key(name: str) -> None:
    alignment = align(known(name), known(name))
    assert [(m.a[0].key, m.b[0].key) for m in alignment.matches] == [(e.key, e.key) for e in known(name)]
    assert (alignment.rules, alignment.ambiguous, alignment.foreign) == ([], [], "")


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "lenet", "bert_like"])
def test_every_single_way_of_breaking_is_seen_through_from_both_sides(name: str) -> None:
    for way in range(len(WAYS)):
        check(name, [way], way)


@pytest.mark.slow
@given(
    st.sampled_from(QUICK),
    st.lists(st.integers(0, len(WAYS) - 1), min_size=1, max_size=5, unique=True),
    st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_random_combinations_tell_the_same_from_both_sides(name: str, ways: list[int], seed: int) -> None:
    check(name, ways, seed)


@pytest.mark.slow
@given(st.sampled_from(TORCHVISION), st.sampled_from(TORCHVISION))
@settings(max_examples=40, deadline=None)
def test_two_architectures_tell_the_same_from_both_sides(one: str, other: str) -> None:
    assert told(align(known(one), known(other))) == told(align(known(other), known(one)), turned=True)


@pytest.mark.parametrize(
    "pair", [("resnet18", "vgg16"), ("resnet18", "resnet50"), ("vit_b_16", "swin_t"), ("lenet", "lstm")]
)
def test_other_architectures_are_said_to_be(pair: tuple[str, str]) -> None:
    assert "two architectures" in align(known(pair[0]), known(pair[1])).foreign


def test_a_shifted_sequence_is_followed_where_no_key_is_the_same() -> None:
    a = [Entry(key=f"net.{at}.weight", shape=(at + 2, at + 1)) for at in range(0, 8, 2)]
    b = [Entry(key=f"net.{at + 1}.weight", shape=(at + 2, at + 1)) for at in range(0, 8, 2)]
    alignment = align(a, b)
    assert {m.a[0].key: m.b[0].key for m in alignment.matches} == {x.key: y.key for x, y in zip(a, b, strict=True)}
    assert [rule.kind for rule in alignment.rules] == ["index_shift"]
    assert alignment.ambiguous == []


def test_a_model_without_its_head_is_no_other_architecture() -> None:
    whole = known("resnet18")
    headless = [entry for entry in whole if not entry.key.startswith("fc.")]
    assert align(headless, whole).foreign == ""


keys = st.lists(st.sampled_from(["a", "b", "0", "1", "7", "q", "k", "v", "qkv", "module", "weight"]), max_size=4)
entry = st.builds(
    lambda parts, shape: Entry(key=".".join(parts) or "x", shape=tuple(shape)),
    keys, st.lists(st.sampled_from([1, 2, 3, 6]), max_size=4),
)  # fmt: skip
entries = st.lists(entry, max_size=12, unique_by=lambda one: one.key)


@pytest.mark.slow
@given(entries, entries)
@settings(max_examples=150, deadline=None)
def test_any_keys_tell_the_same_from_both_sides_and_are_used_once(a: list[Entry], b: list[Entry]) -> None:
    alignment = align(a, b)
    assert told(alignment) == told(align(b, a), turned=True)
    for side in ("a", "b"):
        used = [one.key for match in alignment.matches for one in getattr(match, side)]
        assert len(used) == len(set(used))
    of_b = {one.key: one.shape for one in b}
    same = {one.key for one in a if one.key in of_b and of_b[one.key] == one.shape}
    assert same <= {match.a[0].key for match in alignment.matches if match.a[0].key == match.b[0].key}
