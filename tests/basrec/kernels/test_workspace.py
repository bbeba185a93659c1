"""Memory that is handed on."""

from basrec.kernels.workspace import Workspace


def test_memory_is_handed_on_but_never_while_it_is_held() -> None:
    workspace = Workspace()
    first, second = workspace.lease(100), workspace.lease(100)
    assert first.buffer.data_ptr() != second.buffer.data_ptr()
    place = first.buffer.data_ptr()
    del first
    assert workspace.lease(90).buffer.data_ptr() == place
