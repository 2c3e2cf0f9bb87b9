"""Memory that runs out, as the systems say it."""

import pytest

torch = pytest.importorskip("torch")

from swarmnas.errors import DeviceError  # noqa: E402
from swarmnas.networks.memory import is_out_of_memory, within_memory  # noqa: E402

SAYINGS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", SAYINGS, ids=str)
@pytest.mark.parametrize(
    ("room", "advice"), [(40, "Use batch_size 32: that fits"), (0, "Use a smaller network")]
)
def test_the_batch_that_would_fit_is_named(error, room, advice):
    tried = []

    def step(size):
        tried.append(size)
        if size > room:
            raise error
        return size

    with pytest.raises(DeviceError, match=advice) as raised:
        within_memory(step, 128)
    assert "got 128 images that do not" in str(raised.value)
    assert tried[:3] == [128, 64, 32]


def test_a_step_that_fits_is_taken_once_and_other_errors_pass():
    assert within_memory(lambda size: size + 1, 4) == 5
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        within_memory(lambda size: torch.zeros(2) @ torch.zeros(3) if size else None, 4)
    assert not is_out_of_memory(RuntimeError("shapes"))
