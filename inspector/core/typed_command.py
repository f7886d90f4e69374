"""Commands to propose, made of the one that was typed."""

import shlex

from inspector.core.recipe import Recipe


def typed_command(recipe: Recipe, target: str, arguments: str) -> str:
    """What was typed, with another target and other constructor arguments; what it would be where nothing was."""
    weights = ["--weights", recipe.weights] if recipe.weights else []
    container = ["--container", recipe.container] if weights and recipe.container is not None else []
    typed = recipe.typed or [recipe.target, *weights, *container]
    words: list[str] = []
    for number, word in enumerate(typed):
        if word == "--args" or word.startswith("--args=") or (number and typed[number - 1] == "--args"):
            continue
        words.append(target if word == recipe.target and target not in words else word)
    return shlex.join(["nninspect", *words, *(["--args", arguments] if arguments else [])])
