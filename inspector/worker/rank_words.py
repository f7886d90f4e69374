"""What came of a call in the other ranks of a torchrun, and what rank 0 answers then."""

import sys
from typing import TYPE_CHECKING

import msgspec

from inspector.core.results import ForwardReport
from inspector.core.table import Failure, ModelTable
from inspector.worker import protocol
from inspector.worker.framing import encode

if TYPE_CHECKING:
    from inspector.engine.ranks import Ranks


class Word(msgspec.Struct, frozen=True):
    """What one rank says of a call: neither where all went well."""

    failure: Failure | None = None
    refused: protocol.Refused | None = None

    @property
    def text(self) -> str:
        """In a line; "" where all went well."""
        if self.refused is not None:
            return self.refused.message
        failure = self.failure
        place = "the model itself" if failure is None or not failure.path else failure.path
        return "" if failure is None else f"the forward fails in {place}: {failure.type}: {failure.message}"


class _Outcome(msgspec.Struct, frozen=True):
    """Of an answer only whether the pass failed: a table, or a report with one."""

    failure: Failure | None = None
    table: "_Outcome | None" = None


def word_of(call: protocol.Call, answer: protocol.Reply | protocol.Refused) -> Word:
    """What a rank has to say of its own answer."""
    if isinstance(answer, protocol.Refused):
        return Word(refused=answer)
    if call.request is None or call.request.answer not in (ModelTable, ForwardReport):
        return Word()
    outcome = msgspec.msgpack.decode(answer.answer, type=_Outcome)
    return Word(failure=(outcome.table or outcome).failure)


def with_words(
    call: protocol.Call, answer: protocol.Reply | protocol.Refused, ranks: "Ranks"
) -> protocol.Reply | protocol.Refused:
    """The answer of rank 0, with the first failure of another rank where it has none of its own.

    A rank that died is not waited for in vain: torchrun ends this one too. Where rank 0 failed none is waited for,
    since the others may wait for it.
    """
    if word_of(call, answer) != Word():
        return answer
    for rank, said in ranks.words():
        if said is None:
            print(f"rank {rank} has not finished what rank 0 has; it is no longer waited for", file=sys.stderr)
            continue
        word = msgspec.msgpack.decode(said, type=Word)
        if word.refused is not None:
            return msgspec.structs.replace(word.refused, id=call.id, message=f"rank {rank}: {word.refused.message}")
        if word.failure is not None and isinstance(answer, protocol.Reply):
            return protocol.Reply(call.id, encode(_failed(call, answer, rank, word.failure)))
    return answer


def _failed(call: protocol.Call, answer: protocol.Reply, rank: int, failure: Failure) -> ModelTable | ForwardReport:
    told = msgspec.structs.replace(failure, message=f"on rank {rank}, not on rank 0: {failure.message}")
    change = msgspec.structs.replace
    if call.request is not None and call.request.answer is ForwardReport:
        report = msgspec.msgpack.decode(answer.answer, type=ForwardReport)
        return change(report, table=change(report.table, failure=told))
    return change(msgspec.msgpack.decode(answer.answer, type=ModelTable), failure=told)
