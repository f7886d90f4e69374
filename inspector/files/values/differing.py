"""The differences of two files of tensors: keys aligned first, then values compared one tensor at a time."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from inspector.core.differences import Changed, DiffReport, Renamed
from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching.wrappers import align
from inspector.files.values.comparing import difference
from inspector.files.values.reading import read_tensor

Progress = Callable[[int, int | None, str], None]


def diff_catalogs(a: Catalog, b: Catalog, progress: Progress) -> DiffReport:
    """Compare all tensors where both files are made alike, else those of their largest containers.

    `progress` may raise to end it.
    """
    tensors_a, tensors_b = _comparable(a, b)
    pairs = _pairs(tensors_a, tensors_b)
    of_a, of_b = ({tensor.key: tensor for tensor in tensors} for tensors in (tensors_a, tensors_b))
    changed: list[Changed] = []
    not_compared: list[str] = []
    size = sum(of_a[key].bytes for key in pairs)
    done = unchanged = 0
    for key, name in pairs.items():
        first, second = of_a[key], of_b[name]
        found = Changed(key=key, shape_a=first.shape, shape_b=second.shape, dtype_a=first.dtype, dtype_b=second.dtype)
        equal = compared = False
        if first.shape == second.shape:
            item = first.bytes // (first.elements or 1)
            before = done

            def tick(elements: int, before: int = before, item: int = item, key: str = key) -> None:
                progress(before + elements * item, size, f"comparing {key}")

            try:
                values = difference(read_tensor(a, first), read_tensor(b, second), tick)
            except RequestError as problem:
                not_compared.append(str(problem))
            else:
                equal, compared = values.equal, True
                found = replace(
                    found,
                    max_abs=values.max_abs,
                    relative=values.relative,
                    cosine=values.cosine,
                    not_finite=values.not_finite,
                )
        done += first.bytes
        declared_alike = first.shape == second.shape and first.dtype == second.dtype
        if equal and declared_alike:
            unchanged += 1
        elif compared or not declared_alike:
            changed.append(found)
    only_a = [tensor.key for tensor in tensors_a if tensor.key not in pairs]
    taken = set(pairs.values())
    only_b = [tensor.key for tensor in tensors_b if tensor.key not in taken]
    renamed = [Renamed(a=key, b=name) for key, name in pairs.items() if key != name]
    return DiffReport(
        same=not (only_a or only_b or renamed or changed or not_compared),
        only_a=only_a,
        only_b=only_b,
        renamed=renamed,
        changed=sorted(changed, key=_by_change),
        unchanged=unchanged,
        not_compared=not_compared,
    )


def _by_change(changed: Changed) -> tuple[bool, float]:
    """Other shapes first, then the largest relative change."""
    return changed.shape_a == changed.shape_b, -(changed.relative if changed.relative is not None else float("inf"))


def _comparable(a: Catalog, b: Catalog) -> tuple[list[CatalogTensor], list[CatalogTensor]]:
    if {tuple(tensor.container) for tensor in a.tensors} == {tuple(tensor.container) for tensor in b.tensors}:
        return a.tensors, b.tensors
    return _of_largest_container(a), _of_largest_container(b)


def _of_largest_container(catalog: Catalog) -> list[CatalogTensor]:
    counts: dict[tuple[str, ...], int] = {}
    for tensor in catalog.tensors:
        counts[tuple(tensor.container)] = counts.get(tuple(tensor.container), 0) + 1
    if not counts:
        raise RequestError(f"{Path(catalog.path)} holds no tensors to compare")
    largest = max(counts, key=lambda container: counts[container])
    return [replace(tensor, key=tensor.name) for tensor in catalog.tensors if tuple(tensor.container) == largest]


def _pairs(a: Sequence[CatalogTensor], b: Sequence[CatalogTensor]) -> dict[str, str]:
    shapes_a, shapes_b = ({tensor.key: tuple(tensor.shape) for tensor in tensors} for tensors in (a, b))
    return align(shapes_a, shapes_b).pairs
