"""Whether indices stay within the tables they point into, for every value that the inputs may have."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.inputs.declared import declared_examples
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.places import holdings_of, places_of
from inspector.engine.pytorch.recording import Recorder

_LOOK_UPS = {"embedding", "embedding_bag", "index_select", "gather", "getitem", "take_along_dim", "take", "one_hot"}
_LONG_TABLE = 2


@dataclass(frozen=True)
class PaddingRow:
    """The row of a table that stands for padding, where it is not zero."""

    path: str
    row: int
    norm: float
    others: float
    """The mean norm of the other rows."""


@dataclass(frozen=True)
class OutOfRange:
    """A pass in which an index pointed beyond a table, or a table was shorter than what it was added to."""

    given: str
    """What the inputs were: every index the largest, the smallest, or as the source has them."""
    message: str
    path: str
    source: Source | None
    table: str
    """The key of the table; "" where it is no parameter."""
    rows: int | None
    low: int | None
    high: int | None
    explanation: str


def padding_rows(subject: Subject) -> list[PaddingRow]:
    """Of torch's embeddings with a padding_idx."""
    found = []
    for path, module in subject.module.named_modules():
        if not isinstance(module, nn.Embedding | nn.EmbeddingBag) or module.padding_idx is None:
            continue
        weight = module.weight.detach()
        if weight.is_meta or weight.shape[0] < _LONG_TABLE:
            continue
        norms = weight.float().norm(dim=1)
        norm = float(norms[module.padding_idx])
        if norm:
            others = float((norms.sum() - norms[module.padding_idx]) / (len(norms) - 1))
            found.append(PaddingRow(path, module.padding_idx, norm, others))
    return found


def out_of_range(subject: Subject) -> list[OutOfRange]:
    """With the inputs that the source declares, with those found, and with every index at either end of its range."""
    found: list[OutOfRange] = []
    for given, specs in _trials(subject):
        problem = _pass(subject, given, specs)
        if problem is not None and (problem.table, problem.source) not in {(one.table, one.source) for one in found}:
            found.append(problem)
    return found


def _trials(subject: Subject) -> Iterator[tuple[str, list[InputSpec]]]:
    for file in subject.files:
        for example in declared_examples(subject.module, file, 2, ())[:3]:
            yield f"as declared ({example.where})", list(example.guess)
    try:
        specs = subject.specs
    except RequestError:
        return
    yield "as found", specs
    ranged = [spec for spec in specs if spec.distribution == "range" and spec.low is not None and spec.high is not None]
    if ranged and all(spec.dtype.startswith("int") for spec in ranged):
        for which in ("largest", "smallest"):
            yield f"every index the {which} that fits its table", [_at_end(spec, which) for spec in specs]


def _at_end(spec: InputSpec, which: str) -> InputSpec:
    if spec.distribution != "range" or spec.low is None or spec.high is None:
        return spec
    value = spec.high - 1 if which == "largest" else spec.low
    return replace(spec, low=value, high=value + 1)


def _pass(subject: Subject, given: str, specs: list[InputSpec]) -> OutOfRange | None:
    recorder = Recorder(subject.module)
    try:
        arguments: Arguments = subject.arguments(specs=specs)
        subject.run(arguments, recorder=recorder)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        return _described(subject, given, problem, recorder)
    return None


def _described(subject: Subject, given: str, problem: BaseException, recorder: Recorder) -> OutOfRange | None:
    call = recorder.failed_call
    if call is None or call.problem is not problem:
        return None
    name, tensors = canonical_name(call.func), list(tensors_in((call.args, call.kwargs)))
    failure = describe_failure(problem, subject.module, recorder)
    indices = [tensor for tensor in tensors if not tensor.is_floating_point() and tensor.numel()]
    tables = [tensor for tensor in tensors if tensor.is_floating_point() and tensor.ndim]
    if isinstance(problem, IndexError) and name in _LOOK_UPS and indices and tables and "out of" in failure.message:
        low, high = min(int(tensor.min()) for tensor in indices), max(int(tensor.max()) for tensor in indices)
        key, rows = call.keys.get(id(tables[0]), ""), int(tables[0].shape[0])
        return OutOfRange(
            given, failure.message, failure.path, failure.source, key, rows, low, high, failure.explanation
        )
    return _too_short(subject, given, tensors, failure.message, failure.path, failure.source, failure.explanation)


def _too_short(
    subject: Subject,
    given: str,
    tensors: list[torch.Tensor],
    message: str,
    path: str,
    source: Source | None,
    explanation: str,
) -> OutOfRange | None:
    """An operand cut from one of the model's own tensors, along an axis that the other is longer along."""
    if len(tensors) != _LONG_TABLE:
        return None
    own = {holding.tensor.untyped_storage().data_ptr(): holding for holding in holdings_of(places_of(subject.module))}
    for part, other in (tensors, tensors[::-1]):
        holding = own.get(part.untyped_storage().data_ptr())
        pairs = zip(reversed(part.shape), reversed(other.shape), strict=False)
        short = [(one, two) for one, two in pairs if one != two and 1 not in (one, two)]
        if holding is None or len(short) != 1 or short[0][0] >= short[0][1] or short[0][0] not in holding.tensor.shape:
            continue
        return OutOfRange(given, message, path, source, holding.key, short[0][0], None, short[0][1] - 1, explanation)
    return None
