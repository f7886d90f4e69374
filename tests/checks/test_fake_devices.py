"""A GPU that is not there is pretended where torch can, and that it cannot is said where not."""

import pytest

from inspector.core.errors import RequestError
from inspector.engine.pytorch.experiments import fake_devices


def test_a_torch_without_fake_tensors_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_devices, "_mode_class", lambda: None)
    with pytest.raises(RequestError, match="has no fake tensors"), fake_devices.pretending():
        pass
