"""What a model is made of as a small text, to be kept beside a test and compared with."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

from inspector.api import Summary, summary
from inspector.api.opening import Model, Opening
from inspector.core.errors import RequestError
from inspector.core.table import ReceptiveField, Row, Tensor
from inspector.core.wording import printable, shape
from inspector.testing.telling import in_a_sentence

HEADING = "nninspect snapshot 1"
"""The first line; its number is that of the form."""


@in_a_sentence
def assert_snapshot(
    model: Model, file: str | os.PathLike[str], *inputs: Any, update: bool = False, **opening: Unpack[Opening]
) -> bool:
    """Assert that architecture, shapes, names, dtypes and receptive fields are as `file` has them; values do not count.

    With `update` the file is written instead. Returns whether it was. `inputs` as for `inspector.summary`. A missing
    file fails, as does a forward that fails. Raises RequestError where the file cannot be read or written.
    """
    path = Path(file)
    made = snapshot_of(summary(model, *inputs, **opening))
    kept = _kept(path)
    if kept == made:
        return False
    if update:
        _keep(path, made)
        return True
    if kept is None:
        raise AssertionError(f"there is no snapshot {path} yet; write it with --nninspect-update, and keep it")
    raise AssertionError(_difference(path, kept, made))


def snapshot_of(result: Summary) -> str:
    """The text: inputs and outputs, a line for each module and function, a line for each tensor.

    Raises AssertionError where the forward fails: that is nothing to keep.
    """
    if result.failure is not None:
        failure = result.failure
        raise AssertionError(
            f"the forward fails in {failure.path or 'the model itself'}, so there is no snapshot to compare: "
            f"{failure.type}: {failure.message}"
        )
    return "\n".join([HEADING, "", *_ends(result), "", *map(_row, result.rows), "", *map(_tensor, result.tensors), ""])


def _kept(path: Path) -> str | None:
    try:
        # What is no text is shown as changed, and an update renews it.
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    except OSError as problem:
        raise RequestError(f"the snapshot {path} cannot be read: {problem.strerror}") from None


def _keep(path: Path, made: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8", newline="\n")
    except OSError as problem:
        raise RequestError(f"the snapshot {path} cannot be written: {problem.strerror} ({problem.filename})") from None


def _ends(result: Summary) -> Iterator[str]:
    for name, ends in (("input", result.table.inputs), ("output", result.table.outputs)):
        for one in ends:
            sizes = "" if one.shape is None else f" {shape(one.shape)}"
            yield f"{name} {printable(one.name)}{sizes} {one.dtype}"
    if not result.table.outputs:
        yield from (f"no pass: {note.message}" for note in result.notes if note.code in ("no-input", "no-forward"))


def _row(row: Row) -> str:
    settings = f"({printable(row.hyperparameters)})" if row.hyperparameters else ""
    name = "" if row.kind == "function" else f"{printable(row.name) or '(model)'}: "
    call = f" call {row.call + 1}" if row.call else ""
    shapes = f" → {', '.join(map(shape, row.output_shapes))}" if row.output_shapes else ""
    unreached = "" if row.reached else " not reached"
    field = f" sees {_field(row.receptive_field)}" if row.receptive_field is not None else ""
    return f"{'  ' * row.depth}{name}{printable(row.type)}{settings}{call}{shapes}{unreached}{field}"


def _field(field: ReceptiveField) -> str:
    if field.status == "unknown":
        return f"unknown, since {printable(field.via or '')}"
    if field.status == "whole_input":
        return "the whole input"
    at_most = "at most " if field.status == "upper_bound" else ""
    return f"{at_most}{shape(field.size)} every {_numbers(field.stride)} from {_numbers(field.start)}"


def _numbers(values: list[int | float]) -> str:
    return ", ".join(str(int(value)) if float(value).is_integer() else repr(value) for value in values)


def _tensor(tensor: Tensor) -> str:
    sizes = "?" if tensor.shape is None else shape(tensor.shape)
    marks = ["frozen"] if tensor.kind == "parameter" and not tensor.trainable else []
    marks += ["not saved"] if not tensor.persistent else []
    marks += [f"tied to {', '.join(map(printable, tensor.tied_to))}"] if tensor.tied_to else []
    return ", ".join([f"{tensor.kind} {printable(tensor.key)} {sizes} {tensor.dtype}", *marks])


def _difference(path: Path, kept: str, made: str) -> str:
    lines = list(difflib.unified_diff(kept.splitlines(), made.splitlines(), "kept", "now", lineterm="", n=2))
    gone = sum(line.startswith("-") for line in lines[2:])
    new = sum(line.startswith("+") for line in lines[2:])
    told = "\n".join(lines)
    return (
        f"the model is not as {path} has it ({gone} lines gone, {new} new); "
        f"if that is meant, renew it with --nninspect-update\n{told}"
    )
