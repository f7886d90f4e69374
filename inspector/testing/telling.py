"""How an assertion fails: with its own sentence, at the line of the test."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from inspector.core.errors import RequestError

P = ParamSpec("P")
R = TypeVar("R")


def in_a_sentence(assertion: Callable[P, R]) -> Callable[P, R]:
    """The assertion without the frames it fails in: pytest would show each with its code and locals."""

    @functools.wraps(assertion)
    def asserted(*arguments: P.args, **named: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return assertion(*arguments, **named)
        except (AssertionError, RequestError) as problem:
            raise problem.with_traceback(None) from None

    return asserted
