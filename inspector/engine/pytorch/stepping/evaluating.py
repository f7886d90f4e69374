"""Python expressions at a stop: the user's own, in the user's own frame, in the worker."""

from typing import Any

from inspector.core.errors import RequestError
from inspector.engine.random_state import random_state_kept


def evaluated(expression: str, names: dict[str, Any]) -> Any:
    """What an expression gives; the random numbers that it draws are drawn again by the pass.

    Raises RequestError with what it raised.
    """
    try:
        code = compile(expression.strip(), "<expression>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        where = f" at character {problem.offset}" if isinstance(problem, SyntaxError) and problem.offset else ""
        reason = problem.msg if isinstance(problem, SyntaxError) else str(problem)
        raise RequestError(f"{expression.strip()!r} is no Python expression{where}: {reason}") from None
    try:
        with random_state_kept():
            # One namespace for both, so that comprehensions see the frame's variables too.
            return eval(code, names)  # the user's code, where the user's model runs
    except Exception as problem:
        lines = str(problem).splitlines() or [""]
        raise RequestError(f"{expression.strip()!r} raises {type(problem).__name__}: {lines[0]}") from problem
