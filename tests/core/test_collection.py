"""The search for garbage goes on as before once the work is done."""

import gc

import pytest

from inspector.core.collection import no_collection


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_as_before_afterwards_also_after_a_failure(enabled):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(ZeroDivisionError), no_collection():
            1 / 0  # noqa: B018 - for its failure
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
