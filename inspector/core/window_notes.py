"""What a size formula hides: pixels that no window reads, uneven overlap, the sizes that become one, bins.

Each function looks at one axis and returns sentences; none where there is nothing to say. Sizes are in pixels, None
where they are not known.
"""

from functools import lru_cache
from itertools import pairwise
from math import gcd

from inspector.core.window_counts import read_below, residues_of_taps, written_positions

_NAMES = {"D": ("slice", "slices"), "H": ("row", "rows"), "W": ("column", "columns")}
_MOST_BINS = 4096
_BINS_WRITTEN = 8
_SIZES_WRITTEN = 3


@lru_cache(maxsize=4096)
def never_read(axis: str, size: int | None, k: int, s: int, p: int, d: int, q: int, windows: int) -> tuple[str, ...]:
    """Which pixels lie in none of the `windows`: at the end, where a rounded division drops them, or in between."""
    if size is None:
        missed = s - residues_of_taps(k, s, d)
        return (f"{missed} of every {_some(s, axis)} {_is(missed)} never read: {_why_missed(k, s, d)}",) * (missed > 0)
    span, extent = size + p + q, d * (k - 1) + 1
    if windows < 1:
        padded = "the padded input" if p or q else "the input"
        needed = f"{_some(max(1, extent - p - q), axis)} or more would fit"
        return (f"the kernel covers {extent}, {padded} has {_some(span, axis)}: {needed}",)
    read = read_below(p + size, k, s, d, windows) - read_below(p, k, s, d, windows)
    dropped = max(0, span - (windows - 1) * s - extent)
    at_end = min(size, max(0, dropped - q))
    between = size - read - at_end
    notes = []
    if at_end:
        padding = f", nor the padding behind {'it' if at_end == 1 else 'them'}" if q else ""
        notes.append(f"the last {_some(at_end, axis, one='')} {_is(at_end)} never read{padding}")
    elif dropped:
        notes.append("rounding down drops padding only")
    if between:
        notes.append(f"{between} of {_some(size, axis)} {_is(between)} never read: {_why_missed(k, s, d)}")
    return tuple(notes)


def _why_missed(k: int, s: int, d: int) -> str:
    if d * (k - 1) + 1 < s:
        return f"stride {s} steps over more than the kernel covers"
    if k < s:
        return f"stride {s} is longer than the kernel has taps"
    if gcd(s, d) > 1:
        return f"stride {s} and dilation {d} meet the same ones again and again"
    return f"between the taps of dilation {d}"


def beyond_the_end(axis: str, size: int, k: int, s: int, p: int, d: int, q: int, windows: int) -> list[str]:
    """Under `ceil_mode`: how far the last window reaches past what there is."""
    outside = (windows - 1) * s + d * (k - 1) + 1 - size - p - q
    if outside <= 0 or windows < 1:
        return []
    return [f"the last window reaches {_some(outside, axis)} beyond the {'padded ' if p or q else ''}input"]


def restoring(size: int, k: int, s: int, p: int, d: int, extra: int) -> list[str]:
    """Which sizes the matching convolution turns into `size`, and the `output_padding` that goes back to each."""
    if s == 1 or size < 1:
        return []
    least = (size - 1) * s - 2 * p + d * (k - 1) + 1
    sizes = range(max(1, least), least + s)
    if extra >= s:
        made = (least + extra + 2 * p - d * (k - 1) - 1) // s + 1
        return [f"a convolution with these settings makes {made} of the output, not {size}"]
    if not sizes:
        return []
    if len(sizes) > _SIZES_WRITTEN:
        back = f"{sizes[0]} … {sizes[-1]}: output_padding is what the size has more than {least}".replace("-", "−")
    elif len(sizes) == 1:
        back = f"{sizes[0]} only: output_padding={sizes[0] - least} restores it"
    else:
        back = f"{_listed(sizes, 'and')}: output_padding={sizes[0] - least} gives {sizes[0]}"
        back += "".join(f", {one - least} gives {one}" for one in sizes[1:])
    return [f"a convolution with these settings makes {size} from {back}"]


@lru_cache(maxsize=1024)
def uneven_overlap(k: int, s: int, d: int) -> tuple[str, ...]:
    """How many taps of a transposed convolution meet in an output, where that is not the same for all.

    Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.
    """
    bare = s - residues_of_taps(k, s, d)
    if bare:
        return (f"{bare} of every {s} outputs {_is(bare)} in no window: nothing but the bias comes out there",)
    if k % s == 0:
        return ()
    taps = f"{k // s} or {k // s + 1}"
    return (f"outputs are sums of {taps} taps by turns: a checkerboard (Odena et al. 2016)",)


def written_nowhere(axis: str, size: int, k: int, s: int, p: int, d: int, output: int) -> list[str]:
    """Which positions of a transposed convolution's input its padding cuts off: every tap falls outside the output."""
    lost = size - written_positions(size, k, s, p, d, output)
    if not lost or output < 1:
        return []
    return [f"{lost} of {_some(size, axis)} of the input {_is(lost)} cut off by the padding"]


def unpooled_from(size: int, k: int, s: int, p: int) -> list[str]:
    """Which sizes the matching pooling turns into `size`."""
    least = (size - 1) * s - 2 * p + k
    sizes = range(max(1, least), least + s)
    if len(sizes) < 2:
        return []
    listed = _listed(sizes, "and") if len(sizes) <= _SIZES_WRITTEN else f"{sizes[0]} … {sizes[-1]}"
    return [f"a pooling with these settings makes {size} from {listed}: output_size chooses"]


@lru_cache(maxsize=1024)
def bins(axis: str, size: int, wanted: int) -> tuple[str, ...]:
    """The bins of an adaptive pooling: a pooling that they equal, or their places and sizes."""
    if not 0 < wanted <= _MOST_BINS or size < 1:
        return ()
    places = [(u * size // wanted, -(-(u + 1) * size // wanted)) for u in range(wanted)]
    lengths = {end - start for start, end in places}
    steps = {later[0] - earlier[0] for earlier, later in pairwise(places)}
    if len(lengths) == 1 and len(steps) <= 1 and 0 not in steps:
        kernel = lengths.pop()
        return (f"equal to a pooling of kernel {kernel}, stride {steps.pop() if steps else kernel}",)
    overlapping = sum(later[0] < earlier[1] for earlier, later in pairwise(places))
    note = f"bins of {_listed(sorted(lengths), 'or')} {_NAMES.get(axis, ('', 'positions'))[1]}"
    if overlapping:
        note += f", {overlapping} of {wanted - 1} share some with the next"
    if wanted > _BINS_WRITTEN:
        return (note,)
    written = ", ".join(str(start) if end - start == 1 else f"{start}–{end - 1}" for start, end in places)
    return (note, f"they are {written}")


def _some(number: int, axis: str, one: str = "1 ") -> str:
    """``1 row``, ``2 rows``; `one` is what stands for the number 1."""
    single, several = _NAMES.get(axis, ("position", "positions"))
    return f"{one}{single}" if number == 1 else f"{number} {several}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _listed(numbers: range | list[int], word: str) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} {word} {last}" if most else last
