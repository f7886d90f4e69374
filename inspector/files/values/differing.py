"""The differences of two files of tensors: aligned first, then values compared one tensor at a time."""

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from inspector.core.differences import Aligned, DiffReport
from inspector.core.errors import RequestError
from inspector.core.repair import Unsure
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching import Alignment, Candidate, Change, Entry, Match, align, counterparts, together
from inspector.files.values.comparing import difference
from inspector.files.values.reading import Array, read_tensor
from inspector.files.values.transferring import changed

Progress = Callable[[int, int | None, str], None]


def diff_catalogs(a: Catalog, b: Catalog, progress: Progress) -> DiffReport:
    """Compare like with like where both files hold the same state_dicts, else the two models most alike.

    `progress` may raise to end it. Raises RequestError where there is nothing to compare.
    """
    progress(0, None, "aligning keys")
    chosen = counterparts(a, b)
    aligned = [(one, other, align(one.entries, other.entries)) for one, other in chosen.pairs]
    comparison = _Comparison(a, b, progress)
    first, second = chosen.pairs[0]
    return DiffReport(
        rows=[
            _shown(row, one, other) if chosen.alike else row
            for one, other, alignment in aligned
            for row in comparison.rows(one, other, alignment)
        ],
        rules=[rule for _, _, alignment in aligned for rule in alignment.rules],
        ambiguous=[
            Unsure(model=unsure.model, candidates=unsure.candidates, why=unsure.why)
            for _, _, alignment in aligned
            for unsure in alignment.ambiguous
        ],
        notes=chosen.notes,
        verdict=next((alignment.foreign for _, _, alignment in aligned if alignment.foreign), ""),
        container_a="" if chosen.alike else ".".join(first.path),
        container_b="" if chosen.alike else ".".join(second.path),
    )


def _shown(row: Aligned, one: Candidate, other: Candidate) -> Aligned:
    """The row with the whole keys of its file."""
    if not one.path:
        return row
    keys_a = [".".join((*one.path, key)) for key in row.keys_a]
    return replace(row, keys_a=keys_a, keys_b=[".".join((*other.path, key)) for key in row.keys_b])


class _Comparison:
    """Reads both files, tensor by tensor, and tells how many bytes of A are done."""

    def __init__(self, a: Catalog, b: Catalog, progress: Progress) -> None:
        self._a, self._b, self._progress = a, b, progress
        self._in_a, self._in_b = ({tensor.key: tensor for tensor in one.tensors} for one in (a, b))
        self._size = sum(tensor.bytes for tensor in a.tensors)
        self._done = 0

    def rows(self, one: Candidate, other: Candidate, alignment: Alignment) -> list[Aligned]:
        """All tensors of two state_dicts, in the order of A."""
        found = []
        for match in in_order(one.entries, other.entries, alignment.matches):
            row = _declared(match)
            if match.a and match.b and not alignment.foreign:
                tensors_a = [self._in_a[".".join((*one.path, entry.key))] for entry in match.a]
                tensors_b = [self._in_b[".".join((*other.path, entry.key))] for entry in match.b]
                row = self._compared(row, match, tensors_a, tensors_b)
                self._done += sum(tensor.bytes for tensor in tensors_a)
            found.append(row)
        return found

    def _compared(
        self, row: Aligned, match: Match, tensors_a: Sequence[CatalogTensor], tensors_b: Sequence[CatalogTensor]
    ) -> Aligned:
        pieces = match.pieces()
        if pieces is None:
            return row
        item = tensors_a[0].bytes // (tensors_a[0].elements or 1)

        def tick(elements: int) -> None:
            self._progress(self._done + elements * item, self._size, f"comparing {row.keys_a[0]}")

        try:
            values = difference(self._arrays(match, pieces, tensors_a, tensors_b), tick)
        except RequestError as problem:
            return replace(row, why=str(problem))
        return replace(
            row,
            equal=values.equal,
            max_abs=values.max_abs,
            relative=values.relative,
            cosine=values.cosine,
            not_finite=values.not_finite,
        )

    def _arrays(
        self,
        match: Match,
        pieces: Sequence[list[Change]],
        tensors_a: Sequence[CatalogTensor],
        tensors_b: Sequence[CatalogTensor],
    ) -> Iterator[tuple[Array, Array]]:
        """Arrays of A and of B of one shape each, one after another: views of the whole beside its parts."""
        if match.is_split_in_a:
            whole = read_tensor(self._b, tensors_b[0])
            for part, changes in zip(tensors_a, pieces, strict=True):
                yield read_tensor(self._a, part), changed([whole], changes)
        else:
            whole = read_tensor(self._a, tensors_a[0])
            for part, changes in zip(tensors_b, pieces, strict=True):
                yield changed([whole], changes), read_tensor(self._b, part)


def in_order(a: Sequence[Entry], b: Sequence[Entry], matches: Sequence[Match]) -> list[Match]:
    """The matches in the order of A, and what has none: B's own behind what they stand behind in B."""
    place_a = {entry.key: place for place, entry in enumerate(a)}
    place_b = {entry.key: place for place, entry in enumerate(b)}
    behind: dict[str, int] = {}
    placed: list[tuple[int, int, Match]] = []
    for match in matches:
        place = place_a[match.a[0].key]
        behind |= dict.fromkeys((entry.key for entry in match.b), place)
        placed.append((place, -1, match))
    used = {entry.key for match in matches for entry in match.a}
    placed += [(place_a[entry.key], -1, Match((entry,), ())) for entry in a if entry.key not in used]
    last = -1
    for entry in b:
        last = behind.get(entry.key, last)
        if entry.key not in behind:
            placed.append((last, place_b[entry.key], Match((), (entry,))))
    return [match for _, _, match in sorted(placed, key=lambda one: one[:2])]


def _declared(match: Match) -> Aligned:
    """What both files declare."""
    shape_a, shape_b = (together(side) if side else None for side in (match.a, match.b))
    return Aligned(
        keys_a=[entry.key for entry in match.a],
        keys_b=[entry.key for entry in match.b],
        shape_a=None if shape_a is None else list(shape_a),
        shape_b=None if shape_b is None else list(shape_b),
        dtype_a=", ".join(dict.fromkeys(entry.dtype for entry in match.a)),
        dtype_b=", ".join(dict.fromkeys(entry.dtype for entry in match.b)),
        ambiguous=match.ambiguous,
    )
