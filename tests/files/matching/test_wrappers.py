"""Keys are paired again after wrappers were put around any of a tree's modules, on either side."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.files.matching import Diagnosis, Entry, diagnose
from inspector.files.matching.tree import WRAPPERS

NAMES = st.sampled_from(["a", "b", "module", "0", "1", "conv", "model"])
TREES = st.recursive(
    st.dictionaries(st.sampled_from(["weight", "bias"]), st.tuples(st.integers(1, 9)), min_size=1, max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=6,
)


def keys(
    tree: dict, wrapped: dict[str, str], path: str = "", spelled: str = ""
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Plain key → its spelling with the wrappers, and the shape."""
    token = wrapped.get(path)
    spelled = f"{spelled}{token}." if token else spelled
    found = {}
    for name, below in tree.items():
        if isinstance(below, tuple):
            found[path + name] = (spelled + name, below)
        else:
            found.update(keys(below, wrapped, f"{path}{name}.", f"{spelled}{name}."))
    return found


def diagnosed(file: dict, model: dict) -> Diagnosis:
    return diagnose(*([Entry(key=key, shape=shape) for key, shape in side.items()] for side in (file, model)))


def pairs(diagnosis: Diagnosis) -> dict[str, str]:
    return {transfer.sources[0]: transfer.target for transfer in diagnosis.transfers}


@given(TREES, st.sampled_from(WRAPPERS), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_wrapper_at_the_root_is_undone_for_every_key(tree: dict, token: str, on_file: bool) -> None:
    plain = keys(tree, {})
    wrapped = keys(tree, {"": token})
    file, model = (wrapped, plain) if on_file else (plain, wrapped)
    diagnosis = diagnosed(dict(file.values()), dict(model.values()))
    assert pairs(diagnosis) == {file[key][0]: model[key][0] for key in plain}
    assert diagnosis.loads


@given(TREES)
@settings(max_examples=50, deadline=None)
def test_equal_keys_are_never_renamed(tree: dict) -> None:
    shapes = dict(keys(tree, {}).values())
    diagnosis = diagnosed(shapes, shapes)
    assert pairs(diagnosis) == {key: key for key in shapes}
    assert diagnosis.rules == []


@given(TREES, st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_paired_fills_no_less_than_equal_names_do(tree: dict, data: st.DataObject) -> None:
    plain = keys(tree, {})
    prefixes = sorted({key[: at + 1] for key in plain for at, sign in enumerate(key) if sign == "."} | {""})
    wrapped = keys(tree, {data.draw(st.sampled_from(prefixes)): data.draw(st.sampled_from(WRAPPERS))})
    file, model = dict(wrapped.values()), dict(plain.values())
    paired = pairs(diagnosed(file, model))
    assert sum(file[key][0] for key in paired) >= sum(
        shape[0] for key, shape in file.items() if key in model and model[key] == shape
    )
    assert len(set(paired.values())) == len(paired)


def test_a_shape_that_is_not_known_yet_takes_any() -> None:
    assert pairs(diagnosed({"module.weight": (3, 2)}, {"weight": None})) == {"module.weight": "weight"}
