"""Which client a target needs."""

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.worker.client import Client


def client_for(recipe: Recipe, command: str | None = None, for_commands: bool = False) -> Client:
    """A client for this recipe, its worker already starting.

    Raises RequestError for a live object, which is in no file.

    `for_commands`: what the model prints goes to standard error, and a lost worker stays lost.
    """
    kind = parse_target(recipe.target).kind
    if kind == "live":
        raise RequestError(
            f"{recipe.target} lives in the memory of a Python program; look at it there: inspector.explore(model)"
        )
    if kind == "weights" and command is None:
        from inspector.worker.file_client import FileClient

        return FileClient(in_threads=not for_commands)
    from inspector.worker.process_client import ProcessClient

    client = ProcessClient(command, not for_commands, not for_commands, onnx=kind == "onnx")
    client.launch()
    return client
