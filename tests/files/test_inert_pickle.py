"""The inert reader against the stock unpickler on plain data, and against streams that attack a reader."""

import pickle
import pickletools
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.files import pickle_machine
from inspector.files.inert_pickle import BrokenPickleError, Call, Global, Persistent, read_pickle
from inspector.files.torch_objects import read_contents

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=20)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(SCALARS, inner, max_size=4),
    ),
    max_leaves=20,
)


@given(DATA, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_plain_data_reads_as_the_stock_unpickler_reads_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    if b"_codecs" in data or b"__builtin__\nbytes" in data:
        # Before protocol 3 bytes are a call, which is recorded and not made.
        return
    read = read_pickle(b"before" + data + b"after", 6)
    assert read.value == pickle.loads(data)
    assert read.end == 6 + len(data)
    assert read.globals == {}


class Point:
    """Any class."""

    def __init__(self, x: int) -> None:
        self.x = x


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_become_records_of_their_making(protocol: int) -> None:
    read = read_pickle(pickle.dumps({"p": Point(3), "s": {1}, "big": bytearray(b"xy")}, protocol))
    point = read.value["p"]
    assert isinstance(point, Call)
    assert (point.path, point.state) == (f"{__name__}.Point", {"x": 3})
    assert read.value["s"].path == "builtins.set"
    assert Global(__name__, "Point") in read.globals


def test_every_opcode_of_the_language_is_known_or_refused() -> None:
    known = {chr(code) for code in pickle_machine.HANDLERS} | {"."}
    # Out-of-band buffers need a second stream, which no file has.
    assert {op.code for op in pickletools.opcodes} - known == {"\x97", "\x98"}


def test_a_loop_is_read_and_walked_once() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    contents = read_contents(read_pickle(pickle.dumps(loop)).value)
    assert [container.entries for container in contents.containers] == [{"self": "dict of 1"}]


def test_persistent_references_are_kept() -> None:
    value = read_pickle(b"\x80\x02X\x01\x00\x00\x00aQ.").value
    assert isinstance(value, Persistent)
    assert value.identity == "a"


def doubling(levels: int) -> bytes:
    """A list of two references to a list of two references …: 2^levels leaves in a few bytes."""
    return b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(levels)) + b"."


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x80\x02Nr\xff\xff\xff\xff.", id="memo index"),
        pytest.param(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", id="bytearray length"),
        pytest.param(b"\x80\x05\x8e" + struct.pack("<Q", 2**63) + b".", id="bytes length"),
        pytest.param(b"\x80\x02\x8b\xff\xff\xff\x7f.", id="integer length"),
        pytest.param(b"\x80\x02" + b"]" + b"q\x00]h\x00a" * 20_000 + b".", id="deep lists"),
        pytest.param(b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.", id="deep tuple as a key", marks=pytest.mark.slow),
        pytest.param(b"\x80\x02)" + b"\x85" * 200_000 + b".", id="deep tuple", marks=pytest.mark.slow),
        pytest.param(doubling(40), id="doubling"),
        pytest.param(b"\x80\x02I" + b"9" * 100_000 + b"\n.", id="long decimal"),
    ],
)
def test_attacks_cost_neither_memory_nor_time_nor_the_process(data: bytes) -> None:
    tracemalloc.start()
    try:
        read_contents(read_pickle(data).value)
    except (BrokenPickleError, RequestError):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 400 * 2**20


@pytest.mark.parametrize(
    "data",
    [b"", b".", b"\x80\x02", b"\x80\x02(.", b"\x80\x02R.", b"\xff.", b"cos\n", b"\x80\x02K\x01K\x02a.", b"h\x07."],
)
def test_malformed_streams_are_said_to_be(data: bytes) -> None:
    with pytest.raises(BrokenPickleError):
        read_pickle(data)
