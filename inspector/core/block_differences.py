"""What sets one block apart from others like it, in words."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from inspector.core.table import ModelTable, Row, Tensor
from inspector.core.wording import exact, shape, shapes

MOST_TOLD = 3
"""Differences told of one block before the rest is counted."""
_Content = tuple[str, tuple[int, ...] | None, str, str, str, bool, bool]
_Place = tuple[str, str, str, int]
Facts = Sequence[tuple[str, str]]
"""What two rows are compared by: words for it, and what it is."""


class OwnTensors(msgspec.Struct, frozen=True):
    """The tensors of a table by the path of the module that holds each itself."""

    at: dict[str, list[Tensor]]
    scopes: bool
    """Whether rows are ONNX scopes, ``/layers.0/attn``; what exporters call ``layers.0.attn.bias`` is held there."""

    def of(self, row: Row) -> list[Tensor]:
        """Those that a row holds itself."""
        path = row.path.strip("/").replace("/", ".") if self.scopes else row.path
        return self.at.get(path, [])

    def named(self, row: Row) -> dict[str, Tensor]:
        """The same by their last names."""
        return {tensor.key.rpartition(".")[2]: tensor for tensor in self.of(row)}

    def contents(self, row: Row) -> tuple[_Content, ...]:
        """All that they have to have in common with another row's for the two to be alike."""
        return tuple([_content(tensor) for tensor in self.of(row)])


def own_tensors(table: ModelTable) -> OwnTensors:
    """The tensors by the modules that hold them."""
    at: dict[str, list[Tensor]] = {}
    for tensor in table.tensors:
        at.setdefault(tensor.key.rpartition(".")[0], []).append(tensor)
    return OwnTensors(at, scopes=table.model.framework == "onnx")


def _content(tensor: Tensor) -> _Content:
    sizes = None if tensor.shape is None else tuple(tensor.shape)
    name = tensor.key.rpartition(".")[2]
    return name, sizes, tensor.dtype, tensor.device, tensor.kind, tensor.trainable, tensor.persistent


def difference(
    rows: Sequence[Row], own: OwnTensors, block: Row, usual: Row, also: Callable[[Row], Facts] | None = None
) -> str:
    """How a block differs from the usual one: tensors first, then modules, then what the pass made of them.

    `also` tells what else of rows is compared.
    """
    here, there = _places(rows, block), _places(rows, usual)
    told = [*_of_tensors(own, here, there), *_of_presence(here, there), *_of_rows(own, here, there, also)]
    told = told or [*_of_sums(here, there)] or [*_of_order(here, there)]
    more = f" and {len(told) - MOST_TOLD:,} more" if len(told) > MOST_TOLD else ""
    return "; ".join(told[:MOST_TOLD]) + more


def _places(rows: Sequence[Row], block: Row) -> dict[_Place, Row]:
    """The rows of a block by their place in it."""
    return {
        (
            row.kind,
            row.path[len(block.path) + 1 :],
            row.name if row.index != block.index else "",
            row.call - block.call,
        ): row
        for row in rows[block.index : block.index + block.subtree]
    }


def _of_tensors(own: OwnTensors, here: dict[_Place, Row], there: dict[_Place, Row]) -> Iterator[str]:
    for place, row in here.items():
        if place not in there or row.kind == "function":
            continue
        ours, theirs = own.named(row), own.named(there[place])
        within = f"{place[1]}." if place[1] else ""
        for name, tensor in ours.items():
            if name not in theirs:
                yield f"has {within}{name} {shape(tensor.shape)} as well"
            elif (parted := _apart(tensor, theirs[name])) is not None:
                yield f"{within}{name} {parted[0]}, elsewhere {parted[1]}"
        yield from (f"has no {within}{name}" for name in theirs if name not in ours)


def _apart(ours: Tensor, theirs: Tensor) -> tuple[str, str] | None:
    """What two tensors do not have in common."""
    told = [
        (
            shape(one.shape),
            one.dtype,
            one.device,
            one.kind,
            "trainable" if one.trainable else "frozen",
            "in the state_dict" if one.persistent else "not in the state_dict",
        )
        for one in (ours, theirs)
    ]
    apart = [(a, b) for a, b in zip(*told, strict=True) if a != b]
    return (" ".join(a for a, _ in apart), " ".join(b for _, b in apart)) if apart else None


def _of_presence(here: dict[_Place, Row], there: dict[_Place, Row]) -> Iterator[str]:
    """The outermost rows that only one of them has."""
    for rows, others, words in ((here, there, "has {} as well"), (there, here, "has no {}")):
        only = {row.index: place for place, row in rows.items() if place not in others}
        for place in only.values():
            row = rows[place]
            if row.parent not in only:
                yield words.format(place[2] if row.kind == "function" else place[1])


def _of_rows(
    own: OwnTensors, here: dict[_Place, Row], there: dict[_Place, Row], also: Callable[[Row], Facts] | None
) -> Iterator[str]:
    for place, row in here.items():
        if place not in there:
            continue
        pairs = ([*_facts(one, own), *(also(one) if also else ())] for one in (row, there[place]))
        for (words, ours), (_, theirs) in zip(*pairs, strict=True):
            if ours != theirs:
                yield f"{_called(place)} {words}{ours}, elsewhere {theirs}".lstrip()
                break


def _of_sums(here: dict[_Place, Row], there: dict[_Place, Row]) -> Iterator[str]:
    """What blocks share with each other or within is in their sums alone."""
    for place, row in here.items():
        if row.parameters != there[place].parameters:
            ours, theirs = exact(row.parameters), exact(there[place].parameters)
            yield f"{_called(place)} {ours} parameters, elsewhere {theirs}".lstrip()


def _of_order(here: dict[_Place, Row], there: dict[_Place, Row]) -> Iterator[str]:
    """The first two parts that stand the other way round; the two blocks have the same ones."""
    ours, theirs = next(((a, b) for a, b in zip(here, there, strict=True) if a != b), (None, None))
    if ours is None or theirs is None:
        yield "the same tensors in another order"
    else:
        yield f"{_called(ours)} before {_called(theirs)}, elsewhere behind it"


def _called(place: _Place) -> str:
    """The row at a place: "" for the block itself."""
    kind, path, name, call = place
    return f"{name} (call {call + 1})" if kind == "function" and call else name if kind == "function" else path


def _facts(row: Row, own: OwnTensors) -> Facts:
    """Of several that differ the first says most."""
    # Where a row's tensors are known, how they differ has been told.
    parameters = None if own.of(row) else row.own_parameters
    return (
        ("", row.type),
        ("", f"{row.type}({row.hyperparameters})"),
        ("puts out ", shapes(row.output_shapes) or "nothing known"),
        ("mode ", "train" if row.training else "eval"),
        ("dtype ", row.dtype or "none"),
        ("device ", row.device or "none"),
        ("parameters of its own: ", exact(parameters)),
        ("buffer elements: ", exact(row.buffers)),
        ("reached: ", "yes" if row.reached else "no"),
        ("lazy: ", "yes" if row.lazy else "no"),
    )
