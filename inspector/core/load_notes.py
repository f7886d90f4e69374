"""What to say beside the figures of how a file of weights fitted."""

import shlex

from inspector.core.recipe import Recipe
from inspector.core.table import Load, Note


def load_notes(load: Load, recipe: Recipe) -> list[Note]:
    """What was left out on purpose, and the command that tells more of it or does it all the same."""
    command = repair_command(recipe)
    notes = []
    if load.refused:
        text = (
            f"{recipe.weights} is taken for the weights of another model, so only keys of the same name were loaded; "
            f"`{command}` says why"
        )
        notes.append(Note(code="another-model", message=text))
    if load.ambiguous:
        count = len(load.ambiguous)
        keys = "1 key was" if count == 1 else f"{count:,} keys were"
        text = (
            f"{keys} not loaded, since other tensors of the file would fit as well: {', '.join(load.ambiguous[:3])}"
            f"{' …' if count > 3 else ''}; `{command} --guess -o mended.safetensors` takes them in order"
        )
        notes.append(Note(code="ambiguous-keys", message=text))
    return notes


def repair_command(recipe: Recipe) -> str:
    """The command that says how the weights of a recipe fit its model."""
    words = ["nninspect", "repair", recipe.weights or "", "--for", recipe.target]
    return shlex.join(words + (["--args", recipe.arguments] if recipe.arguments else []))
