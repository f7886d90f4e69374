"""What the safetensors library refuses is refused here too, or said; what it takes is taken without a word."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from inspector.core.errors import RequestError
from inspector.files import open_catalog

DOUBTS = {"misplaced-tensor", "not-covered", "unknown-dtype", "repeated-key", "out-of-storage"}
FIELDS = '"dtype":"F32","shape":[2],"data_offsets":[0,8]'


def written(path: Path, header: str, payload: int) -> Path:
    content = header.encode()
    path.write_bytes(struct.pack("<Q", len(content)) + content + bytes(payload))
    return path


def doubts(path: Path) -> set[str]:
    """The codes of what is said against the file."""
    try:
        return {note.code for note in open_catalog(path).notes} & DOUBTS
    except RequestError:
        return {"refused"}


def library_takes(path: Path) -> bool:
    try:
        with safe_open(path, "np") as opened:
            opened.keys()
    except SafetensorError:
        return False
    return True


def entry(begin: int, end: int, elements: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [elements], "data_offsets": [begin, end]}


@st.composite
def entries(draw) -> dict[str, Any]:
    """Mostly right by itself; whether several lie well beside each other is left to chance."""
    begin, elements = 4 * draw(st.integers(0, 4)), draw(st.integers(0, 3))
    dtype = draw(st.sampled_from(["F32", "F32", "U8", "Q99", ""]))
    size = elements * (4 if dtype == "F32" else 1) + draw(st.sampled_from([0, 0, 0, 1]))
    return entry(begin, begin + size, elements, dtype)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "layers.10.w", "c"]), entries(), max_size=3),
    st.integers(0, 32),
    st.sampled_from([{}, {"__metadata__": None}, {"__metadata__": {"x": "1"}}, {"__metadata__": {"x": 1}}]),
)
def test_a_header_is_doubted_exactly_where_the_library_refuses_it(tmp_path, tensors, payload, metadata) -> None:
    path = written(tmp_path / "x.safetensors", json.dumps({**metadata, **tensors}), payload)
    assert bool(doubts(path)) == (not library_takes(path))


@pytest.mark.parametrize(
    ("header", "payload", "code"),
    [
        (f'{{"a":{{{FIELDS}}}}}', 10, "not-covered"),
        (json.dumps({"a": entry(0, 8, 2), "b": entry(4, 12, 2)}), 12, "misplaced-tensor"),
        (json.dumps({"a": entry(0, 8, 2), "b": entry(12, 20, 2)}), 20, "misplaced-tensor"),
        (json.dumps({"a": entry(0, 8, 2, "Q99")}), 8, "unknown-dtype"),
        (f'{{"a":{{{FIELDS}}},"a":{{{FIELDS}}}}}', 8, "repeated-key"),
        (f'{{"a":{{{FIELDS}}},"\\u0061":{{{FIELDS}}}}}', 8, "repeated-key"),
        (f'{{"a":{{"dtype":"F32",{FIELDS}}}}}', 8, "repeated-key"),
    ],
)
def test_each_defect_is_named(tmp_path, header, payload, code) -> None:
    assert doubts(written(tmp_path / "x.safetensors", header, payload)) == {code}


def test_a_missing_shape_is_refused(tmp_path) -> None:
    path = written(tmp_path / "x.safetensors", '{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1)
    assert not library_takes(path)
    with pytest.raises(RequestError, match="no shape"):
        open_catalog(path)


def test_numbered_parts_are_in_the_order_of_their_numbers(tmp_path) -> None:
    names = [f"layers.{number}.w" for number in (10, 2, 0, 1)]
    header = json.dumps({name: entry(8 * at, 8 * at + 8, 2) for at, name in enumerate(names)})
    catalog = open_catalog(written(tmp_path / "x.safetensors", header, 32))
    assert [tensor.key for tensor in catalog.tensors] == [f"layers.{number}.w" for number in (0, 1, 2, 10)]
