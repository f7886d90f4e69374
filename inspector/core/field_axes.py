"""What a single output unit sees of the input, axis by axis, and how one goes from unit to unit."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from inspector.core.table import FieldAxis, ReceptiveField

Interval = tuple[int, int]
"""First and last pixel, counted from 0 at the image's border; those below 0 and behind its end are padding."""


def window_of(field: ReceptiveField, axis: int, unit: int) -> Interval | None:
    """What a unit's own windows see, padding included; None where they see nothing or are not known."""
    along = field.axes[axis]
    if along.first:
        period, at = divmod(unit, len(along.first))
        first, last = along.first[at] + period * along.shift, along.last[at] + period * along.shift
        return (first, last) if first <= last else None
    if along.whole:
        return None
    first = ceil(field.start[axis] + unit * field.stride[axis])
    return first, first + field.size[axis] - 1


def seen_by(field: ReceptiveField, axis: int, unit: int) -> Interval | None:
    """What a unit sees, padding included; None where it sees nothing."""
    along = field.axes[axis]
    return (0, along.pixels - 1) if along.whole else window_of(field, axis, unit)


def shown_windows(field: ReceptiveField, unit: Sequence[int]) -> list[Interval | None]:
    """What a picture shows of a unit, along each axis: its own windows where all of it sees everything anyway."""
    of = window_of if field.status == "whole_input" else seen_by
    return [of(field, axis, at) for axis, at in enumerate(unit)]


def inside(interval: Interval | None, pixels: int) -> Interval | None:
    """The part of an interval that lies in an image of so many pixels; None where all of it is padding."""
    if interval is None:
        return None
    first, last = max(0, interval[0]), min(pixels - 1, interval[1])
    return (first, last) if first <= last else None


def sees_everything(field: ReceptiveField) -> bool:
    """Whether every unit's field covers the whole input, so that further layers cannot add to it."""
    return bool(field.axes) and all(
        inside(seen_by(field, axis, unit), along.pixels) == (0, along.pixels - 1)
        for axis, along in enumerate(field.axes)
        for unit in range(along.units)
    )


class Units:
    """The output's units to choose from, by their places on a grid: one for each axis, or one for a row of tokens.

    Axes that share a dimension without taking turns on it are such a row: a class token before an image's patches.
    """

    def __init__(self, field: ReceptiveField) -> None:
        self._field = field
        self.tied = _tied(field.axes)
        self.counts = _counts(field.axes, self.tied)
        """How many places there are in each direction."""

    def at(self, place: Sequence[int]) -> list[int]:
        """The unit's position along each axis."""
        if not self.tied:
            return list(place)
        return [place[0] // axis.inner % axis.units for axis in self._field.axes]

    def near(self, shares: Sequence[float]) -> list[int]:
        """The place that lies at these shares of the grid, from 0 to 1: where the same part of the image is seen."""
        if len(shares) > len(self.counts):
            shares = shares[-len(self.counts) :] if not self.tied else shares[:1]
        shares = [0.5] * (len(self.counts) - len(shares)) + list(shares)
        return [min(count - 1, int(share * count)) for share, count in zip(shares, self.counts, strict=True)]

    def shares(self, place: Sequence[int]) -> list[float]:
        """Where a place lies on the grid: the inverse of `near`."""
        return [(at + 0.5) / count for at, count in zip(place, self.counts, strict=True)]

    def step(self, place: Sequence[int], axis: int, by: int) -> list[int]:
        """The place so many units further; `axis` counts from the end, −1 for columns, −2 for rows."""
        if -axis > len(self._field.axes):
            return list(place)
        if self.tied:
            return [self._next_token(place[0], axis, by)]
        moved = list(place)
        moved[axis] = max(0, min(moved[axis] + by, self.counts[axis] - 1))
        return moved

    def _next_token(self, token: int, axis: int, by: int) -> int:
        last = self.counts[0] - 1
        if axis == -1 or abs(by) > 1:
            return max(0, min(token + by, last))
        here = self._windows(token)
        for other in range(token + by, last + 1 if by > 0 else -1, by):
            there = self._windows(other)
            if there[axis] != here[axis] and there[:axis] == here[:axis] and there[axis + 1 :] == here[axis + 1 :]:
                return other
        return token

    def _windows(self, token: int) -> list[Interval | None]:
        return [window_of(self._field, axis, unit) for axis, unit in enumerate(self.at([token]))]

    def nearest(self, pixels: Sequence[int]) -> list[int]:
        """The place of the unit whose windows have their middle closest to a pixel of the input."""
        if self.tied:
            return [min(range(self.counts[0]), key=lambda token: _distance(self._windows(token), pixels))]
        return [
            min(
                range(count),
                key=lambda unit: _distance([window_of(self._field, axis, unit)], [pixel]),
            )
            for axis, (count, pixel) in enumerate(zip(self.counts, pixels, strict=True))
        ]


def _tied(axes: Sequence[FieldAxis]) -> bool:
    ordered = sorted(((one.dim, one.inner, one.units) for one in axes if one.dim is not None), key=lambda one: one[:2])
    return any(one[0] == other[0] and one[1] * one[2] > other[1] for one, other in pairwise(ordered))


def _counts(axes: Sequence[FieldAxis], tied: bool) -> list[int]:
    return [max(axis.inner * axis.units for axis in axes)] if tied else [axis.units for axis in axes]


def _distance(windows: Sequence[Interval | None], pixels: Sequence[int]) -> float:
    return sum(
        abs(sum(window) / 2 - pixel) if window else float("inf") for window, pixel in zip(windows, pixels, strict=True)
    )
