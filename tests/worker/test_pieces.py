"""Answers that travel in pieces arrive as they were sent."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.results import ForwardReport, RowRun
from inspector.core.table import ModelInfo, ModelTable, ReceptiveField, Row, Tensor
from inspector.worker import protocol
from inspector.worker.framing import encode
from inspector.worker.pieces import LARGE, PIECE, Pieces, in_pieces


def table(rows: int, tensors: int) -> ModelTable:
    field = ReceptiveField(status="exact", size=[3, 3], stride=[1, 0.5], start=[0, -1])
    return ModelTable(
        model=ModelInfo(name="m", framework="torch", target="m.py"),
        rows=[
            Row(index=i, parent=i - 1 if i else None, kind="module", path=f"模型.{i}", type="Linear", depth=i,
                output_shapes=[[1, i]], receptive_field=field if i % 3 else None)
            for i in range(rows)
        ],
        tensors=[
            Tensor(key=f"k{i}", kind="buffer", shape=None, dtype="float32", device="cpu", trainable=False,
                   persistent=True, elements=None, bytes=i << 40, expression="")
            for i in range(tensors)
        ],
    )  # fmt: skip


def through(answer, kind):
    """What the client gets, and the messages that it took."""
    sent = [
        msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=protocol.Message)
        for message in in_pieces(protocol.Reply(7, encode(answer)))
    ]
    pieces = Pieces(kind)
    for message in sent[:-1]:
        pieces.take(message)
    return pieces.whole(sent[-1]), sent


@given(st.sampled_from([0, 1, PIECE, PIECE + 1, 5 * PIECE + 3]), st.sampled_from([0, 2, 3 * PIECE]))
def test_a_table_arrives_as_it_was_sent(rows, tensors):
    sent = table(rows, tensors)
    received, messages = through(sent, ModelTable)
    assert received == sent
    assert (len(messages) > 1) == (max(rows, tensors) > PIECE)
    assert all(message.id == 7 for message in messages)


def test_lists_inside_of_records_in_an_answer_arrive_too():
    inside = table(3 * PIECE, 1)
    sent = ForwardReport(table=inside, runs=[RowRun(seconds=float(i)) for i in range(2 * PIECE)])
    received, messages = through(sent, ForwardReport)
    assert received == sent
    paths = [tuple(message.path) for message in messages[:-1]]
    assert set(paths) == {("table", "rows"), ("runs",)}


def test_no_message_of_a_large_table_is_long():
    _, messages = through(table(20 * PIECE, 20 * PIECE), ModelTable)
    assert max(len(msgspec.msgpack.encode(message)) for message in messages) < 4 * LARGE


def test_rows_that_arrive_share_what_they_have_in_common():
    received, _ = through(table(4 * PIECE, 0), ModelTable)
    assert len({id(row.type) for row in received.rows}) == 1
    assert len({id(row.input_shapes) for row in received.rows}) == 1
    assert len({id(row.receptive_field) for row in received.rows}) == 2
