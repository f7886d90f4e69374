"""What to say beside the figures of how a file of weights fitted."""

import shlex
from collections.abc import Sequence

from inspector.core.loads import Load
from inspector.core.recipe import Recipe
from inspector.core.table import Note


def equal_containers(chosen: str, rivals: Sequence[str]) -> str:
    """That several state_dicts of a file fill as much of the model, which was taken, and how to take another."""
    names = [name or "the top" for name in (chosen, *rivals)]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    another = f"--container {shlex.quote(rivals[0])}"
    how = f"{another} takes the other" if len(rivals) == 1 else f"{another} takes that one, and so on"
    return f"{listed} of the file fill the model equally; {names[0]} was taken; {how}"


def load_notes(load: Load, recipe: Recipe) -> list[Note]:
    """What was left out on purpose, and the command that tells more of it or does it all the same."""
    command = repair_command(recipe)
    notes = []
    if load.rivals:
        notes.append(Note(code="equal-containers", message=equal_containers(load.container, load.rivals)))
    if load.refused:
        text = (
            f"{recipe.weights} is taken for the weights of another model, so only keys of the same name were loaded; "
            f"`{command}` says why"
        )
        notes.append(Note(code="another-model", message=text))
    if load.ambiguous:
        count = len(load.ambiguous)
        keys = "1 key was" if count == 1 else f"{count:,} keys were"
        whys = "; ".join(dict.fromkeys(load.doubts.values())) or "other tensors of the file would fit as well"
        text = (
            f"{keys} not loaded, since what would fill {'it' if count == 1 else 'them'} is a guess: "
            f"{', '.join(load.ambiguous[:3])}{' …' if count > 3 else ''} ({whys}); "
            f"`{command} --guess -o mended.safetensors` takes the likeliest"
        )
        notes.append(Note(code="ambiguous-keys", message=text))
    return notes


def repair_command(recipe: Recipe) -> str:
    """The command that says how the weights of a recipe fit its model."""
    words = ["nninspect", "repair", recipe.weights or "", "--for", recipe.target]
    words += [] if recipe.container is None else ["--container", recipe.container]
    return shlex.join(words + (["--args", recipe.arguments] if recipe.arguments else []))
