"""What other distributions add, found by their entry points and imported when it is needed first.

The groups are ``nninspect.rules``, ``nninspect.formats`` and ``nninspect.field_rules``; docs/extending has a page
about what each one names. One that cannot be imported is told in a sentence and left out.
"""

import sys
from functools import cache
from typing import NamedTuple

RULES, FORMATS, FIELD_RULES = "nninspect.rules", "nninspect.formats", "nninspect.field_rules"


class Extension(NamedTuple):
    """What an entry point names."""

    name: str
    value: object
    """None where it could not be imported."""
    whose: str
    """For people: ``ACME001 of acme-rules``."""
    problem: str = ""
    """Why it is left out, as a sentence; "" where it is not."""

    def left_out(self, why: str) -> "Extension":
        """The same, left out for a reason."""
        return self._replace(value=None, problem=f"{self.whose} is left out: {why}")


@cache
def extensions(group: str) -> tuple[Extension, ...]:
    """All that is installed in a group; of several by one name only the first, by its distribution, is taken."""
    # It takes a while to import, and reads a file of every distribution.
    from importlib.metadata import entry_points

    found: dict[str, Extension] = {}
    others: list[Extension] = []
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.dist.name if point.dist else ""))
    for point in points:
        distribution = point.dist.name if point.dist else "an unknown distribution"
        one = Extension(point.name, None, f"{point.name} of {distribution}")
        if point.name in found:
            others.append(one.left_out(f"{found[point.name].whose} has the same name"))
            continue
        try:
            found[point.name] = one._replace(value=point.load())
        except KeyboardInterrupt:
            raise
        except BaseException as problem:
            why = f"importing {point.value} fails with {said(problem)}; mend or uninstall {distribution}"
            found[point.name] = one.left_out(why)
    return (*found.values(), *others)


def said(problem: BaseException) -> str:
    """An exception in one line."""
    text = next(iter(str(problem).splitlines()), "")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


@cache
def tell(sentence: str) -> None:
    """Say on standard error, once, what went wrong with an extension."""
    print(f"nninspect: {sentence}", file=sys.stderr, flush=True)
