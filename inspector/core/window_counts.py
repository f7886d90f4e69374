"""How many positions windows read or write, by arithmetic: strides and paddings may be of any size.

A window is `k` taps, `d` apart; windows start `s` apart. Tap `t` of window `w` lies at ``t·d + w·s``.
"""

from math import gcd


def read_below(bound: int, k: int, s: int, d: int, windows: int) -> int:
    """How many of the positions 0 … `bound` − 1 at least one tap of `windows` windows reads.

    With ``g = gcd(s, d)``, tap `t` of window `w` lies where tap ``t − s/g`` of window ``w + d/g`` does, and at no other
    tap's place. Each position is counted at its first tap: a tap below ``s/g``, or any tap in the last ``d/g`` windows.
    """
    g = gcd(s, d)
    bound, s, d = -(-bound // g), s // g, d // g
    last = min(d, windows)
    first_taps = _pairs_below(bound, min(k, s), d, windows, s)
    return first_taps + _pairs_below(bound - s * d - (windows - last) * s, k - s, d, last, s)


def residues_of_taps(k: int, s: int, d: int) -> int:
    """How many different remainders the places of the taps have, divided by the stride."""
    return min(k, s // gcd(s, d))


def written_positions(size: int, k: int, s: int, p: int, d: int, output: int) -> int:
    """How many of the `size` windows of a transposed convolution have a tap within its output.

    Window `w` does where some ``t·d`` is in ``[p − w·s, p − w·s + output)``.
    """
    if output < 1:
        return 0
    # Windows that begin before the output, and end in it or behind it: one of its taps may meet it.
    first = min(size, max(0, -((d * (k - 1) - p) // s)))
    begin = min(size, max(first, -(-p // s)))
    stop = min(size, max(begin, -(-(output + p) // s)))
    if output >= d:
        return stop - first
    # The first tap that is not before the output lies (w·s − p) mod d behind its start.
    n, shift = begin - first, -(-p // d) * d - p + first * s
    met = _sum_of_floors(n, s, shift + d, d) - _sum_of_floors(n, s, shift + d - output, d)
    return stop - begin + met


def _pairs_below(bound: int, n: int, d: int, m: int, s: int) -> int:
    """How many pairs of ``0 ≤ i < n`` and ``0 ≤ j < m`` have ``i·d + j·s < bound``."""
    if n <= 0 or m <= 0 or bound <= 0:
        return 0
    # Of an i there are ⌊(top − i·d)/s⌋ such j: all m below `full`, none from `end` on.
    top = bound + s - 1
    full = min(n, max(0, (top - m * s) // d + 1))
    end = min(n, max(full, (top - s) // d + 1))
    return full * m + _sum_of_floors(end - full, d, top - (end - 1) * d, s)


def _sum_of_floors(n: int, a: int, b: int, m: int) -> int:
    """``Σ ⌊(a·i + b)/m⌋`` for ``0 ≤ i < n``, by Euclid's algorithm: the AtCoder Library's ``floor_sum``."""
    total = 0
    while n > 0:
        total += (n - 1) * n // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        n, b = divmod(a * n + b, m)
        m, a = a, m
    return total
