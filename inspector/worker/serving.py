"""Carries out requests on the engine, which is imported with the first of them."""

import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from inspector.core.differences import DiffReport
from inspector.core.errors import ModelEndedError, NoOneModelError, RequestCancelledError, RequestError
from inspector.core.recipe import Recipe, parse_target
from inspector.core.wording import source_place
from inspector.engine.user_paths import START, user_path
from inspector.worker import protocol
from inspector.worker.framing import encode
from inspector.worker.progress import ProgressSink, Rarely

if TYPE_CHECKING:
    from inspector.engine.live import LiveModel
    from inspector.engine.session import Session
    from inspector.engine.stepping import Stepping
    from inspector.worker.file_client import FileClient


class Server:
    """The engine behind the protocol: one open model, one request at a time."""

    def __init__(self, open_model: "Callable[[Recipe], LiveModel] | None" = None) -> None:
        """`open_model` opens what a recipe means; without it a process of its own does, by what the recipe names."""
        self._open_model = open_model
        self._session: Session | None = None
        self._file: FileClient | None = None
        """What answers where a file of tensors is open, on a machine that the front end cannot read."""

    def answer(self, call: protocol.Call, progress: ProgressSink) -> protocol.Reply | protocol.Refused:
        """Carry out a call; whatever the model's code raises becomes a `Refused`."""
        try:
            return protocol.Reply(call.id, encode(self._carry_out(call.request, Rarely(progress))))
        except NoOneModelError as problem:
            return protocol.Refused(call.id, "request", str(problem), models=problem.models)
        except RequestError as problem:
            # Where the user's code is behind it, its traceback is kept for --debug.
            return protocol.Refused(call.id, "request", str(problem), _traceback(problem.__cause__))
        except (RequestCancelledError, KeyboardInterrupt):
            return protocol.Refused(call.id, "cancelled", "cancelled")
        except ModelEndedError as problem:
            return protocol.Refused(call.id, "ended", str(problem))
        except SystemExit as leaving:
            return protocol.Refused(call.id, "ended", _how_it_left(leaving), _traceback(leaving))
        except BaseException as problem:
            text = f"{type(problem).__name__}: {problem}".splitlines()[0]
            return protocol.Refused(call.id, "internal", text, _traceback(problem))

    def end(self) -> None:
        """Leave a pass that waits; changes stay."""
        if self._session is not None:
            self._session.end_stepping()

    def _carry_out(self, request: Any, progress: ProgressSink) -> Any:
        if isinstance(request, protocol.Open):
            from inspector.engine.session import Session

            # Opened once more, a model starts where it started first: of a live object every change is taken back.
            if self._session is not None:
                self._session.take_all_back()
            self._session = self._file = None
            if parse_target(request.recipe.target).kind == "weights":
                from inspector.worker.file_client import FileClient

                self._file = FileClient(in_threads=False)
                return self._file.answer(request, progress)
            recipe = request.recipe
            session = Session(self._open_model(recipe) if self._open_model else _open_named(recipe, progress))
            for edit in request.recipe.edits:
                session.apply(edit, progress)
            self._session = session
            return session.model.table()
        if isinstance(request, protocol.Devices) and self._session is None:
            from inspector.engine.devices import existing_devices

            return existing_devices()
        if self._file is not None:
            return self._file.answer(request, progress)
        if self._session is not None and self._session.waiting is not None:
            _refuse_beside(self._session.waiting, request)
        if isinstance(request, protocol.CompareModels):
            from inspector.engine.comparing_models import compare_models

            return compare_models(request.a, request.b, progress)
        if self._session is None:
            raise RequestError("no model is open")
        model = self._session.model
        match request:
            case protocol.Trace(inputs=inputs):
                return model.trace(inputs, progress)
            case protocol.Forward(settings=settings, optimised=optimised):
                report = model.forward(settings, progress)
                if not optimised or report.table.failure is not None:
                    return report
                return msgspec.structs.replace(report, optimised=model.optimised(progress))
            case protocol.CompareRuns(settings=settings):
                return model.compare_runs(settings, progress)
            case protocol.StartStepping(settings=settings):
                return self._session.start_stepping(settings, progress)
            case protocol.Step(command=command, breakpoints=breakpoints):
                return self._session.stepping().go(command, breakpoints, progress)
            case protocol.LookAtStop():
                return self._session.stepping().look()
            case protocol.Evaluate(expression=expression, frame=frame):
                return self._session.stepping().evaluate(expression, frame)
            case protocol.ChangeAtStop(change=change):
                return self._session.stepping().change(change)
            case protocol.Ablate(settings=settings):
                return model.ablate(settings, progress)
            case protocol.Memory(settings=settings):
                return model.memory(settings, progress)
            case protocol.Plan(settings=settings):
                return model.plan(settings, progress)
            case protocol.Check(settings=settings):
                from inspector.checks.running import check_model

                return check_model(model, settings, progress)
            case protocol.SelfTests(settings=settings):
                from inspector.checks.self_testing import self_test

                return self_test(model, settings, progress)
            case protocol.Repair(settings=settings):
                return model.repair(settings, progress)
            case protocol.Diff(other=other):
                return _diff(model, other, progress)
            case protocol.Export(settings=settings):
                return model.export(settings, progress)
            case protocol.CompareClone(inputs=inputs, seed=seed):
                return model.compare_clone(inputs, seed, progress)
            case protocol.Explain(keys=keys):
                return model.explain(keys)
            case protocol.Values(key=key, index=index, limit=limit):
                return model.values(key, index, limit)
            case protocol.DrawValues(settings=settings):
                return model.picture(settings)
            case protocol.SourceOf(path=path, line=line):
                return model.source(path, line)
            case protocol.Preview(edit=edit, measured=measured):
                return model.preview(edit, progress if measured else None)
            case protocol.WhatIf(proposal=proposal):
                return model.what_if(proposal, progress)
            case protocol.Apply(edit=edit):
                return self._session.apply(edit, progress)
            case protocol.Undo():
                return self._session.undo()
            case protocol.Redo():
                return self._session.redo()
            case protocol.Devices():
                return model.devices()
            case protocol.Save(path=path, overwrite=overwrite, external_data=external_data):
                return model.save(path, overwrite, external_data)
        raise RequestError(f"the worker does not know the request {type(request).__name__}; is it an older nninspect?")


def _open_named(recipe: Recipe, progress: ProgressSink) -> "LiveModel":
    from inspector.engine.opening import open_live

    os.chdir(START)
    return open_live(recipe, progress)


def _refuse_beside(waiting: "Stepping", request: Any) -> None:
    """Passes and changes of the model would get in each other's way with one that waits."""
    of_the_pass = (
        protocol.StartStepping,
        protocol.Step,
        protocol.LookAtStop,
        protocol.Evaluate,
        protocol.ChangeAtStop,
    )
    if not isinstance(request, (*of_the_pass, *protocol.LOOKING)):
        raise RequestError(
            f'a forward pass waits {waiting.where}; end stepping first (the step command "end"), then ask again'
        )


def _diff(model: "LiveModel", other: str, progress: ProgressSink) -> DiffReport:
    from inspector.files import open_catalog
    from inspector.files.values.differing import diff_catalogs

    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "a.pt")
        model.save(saved, overwrite=False)
        return diff_catalogs(open_catalog(saved), open_catalog(user_path(other), model.recipe.allow_outside), progress)


def _how_it_left(leaving: SystemExit) -> str:
    from inspector.engine.pytorch.source_lines import user_source

    source = user_source(leaving.__traceback__)
    where = f" at {source_place(source)}" if source is not None else ""
    return f"the model's code ended the process{where}: sys.exit({leaving.code!r})"


def _traceback(problem: BaseException | None) -> str:
    return "".join(traceback.format_exception(problem)) if problem is not None else ""
