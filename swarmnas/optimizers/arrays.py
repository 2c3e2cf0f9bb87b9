"""The primitives that array libraries spell differently; algorithms are written once, on top.

Swarms live in arrays of the caller's library. Losses, violations and indices are small, decide
things, and always live in NumPy on the host.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np

from swarmnas.checks import explain, one_of
from swarmnas.errors import SettingError, StateError
from swarmnas.rng import fill_uniform

__all__ = ["Array", "Arrays", "arrays_like"]

Array = Any
"""An array of NumPy, torch or a like library; they share no static type."""


def _detached(value: Any) -> Any:
    """Return a torch tensor without its graph and anything else as it is."""
    return value.detach() if array_api_compat.is_torch_array(value) else value


def to_host(value: Any) -> np.ndarray[Any, Any]:
    """Return ``value`` (any array, tensor or nested list) as a NumPy array."""
    if isinstance(value, np.ndarray):
        return value
    if array_api_compat.is_torch_array(value):
        value = value.detach().cpu()
        if value.dtype.is_floating_point:
            value = value.double()  # NumPy has no bfloat16
    return np.asarray(value)


class Arrays:
    """NumPy arrays of one dtype, with reused buffers for random draws.

    Attributes:
        xp: The array namespace; its element-wise functions take ``out=``.
        dtype: ``numpy.float64`` or ``numpy.float32``.
        on_host: Whether these are NumPy arrays.
    """

    on_host = True

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.xp: Any = array_api_compat.numpy
        self.dtype = dtype
        self._draws = np.empty(0, dtype=dtype)

    def zeros(self, *shape: int) -> Array:
        """Return a new array of zeros."""
        return np.zeros(shape, dtype=self.dtype)

    def array(self, value: Any) -> Array:
        """Return ``value`` as an array of this kind; it may share memory with ``value``."""
        return np.asarray(to_host(value), dtype=self.dtype)

    def copy(self, array: Array) -> Array:
        """Return a copy."""
        return array.copy()

    def index(self, index: np.ndarray[Any, Any]) -> Array:
        """Return a host index as one that addresses these arrays."""
        return index

    def take(self, array: Array, index: Array, out: Array) -> Array:
        """Copy rows of ``array`` into ``out`` and return it."""
        return array.take(index, axis=0, out=out, mode="clip")  # "raise" would buffer

    def mean(self, array: Array) -> Array:
        """Return the mean over rows."""
        total = np.add.reduce(array, axis=0)
        total /= len(array)
        return total

    def same(self, first: Array, second: Array) -> bool:
        """Return whether two arrays of one shape are equal everywhere."""
        return bool((first == second).all())

    def uniform(self, rng: np.random.Generator, *shape: int) -> Array:
        """Return uniform draws from [0, 1), valid until the next call."""
        size = 1
        for length in shape:
            size *= length
        if self._draws.size < size:
            self._draws = np.empty(size, dtype=self.dtype)
        draws = self._draws[:size]
        fill_uniform(rng, draws)
        return draws.reshape(shape)

    def normal(self, rng: np.random.Generator, *shape: int) -> Array:
        """Return standard normal draws."""
        return rng.standard_normal(shape, dtype=self.dtype)

    def state(self) -> dict[str, Any]:
        """Return the state of what this object draws itself: nothing on the host."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""


class DeviceArrays(Arrays):
    """Arrays of another library, with host draws moved to the device."""

    on_host = False

    def __init__(self, xp: Any, device: Any, dtype: np.dtype[Any]) -> None:
        super().__init__(dtype)
        self.xp = xp
        self.device = device
        self._own_dtype = getattr(xp, dtype.name)

    def zeros(self, *shape: int) -> Array:
        return self.xp.zeros(shape, dtype=self._own_dtype, device=self.device)

    def array(self, value: Any) -> Array:
        value = _detached(value)
        return self.xp.asarray(value, dtype=self._own_dtype, device=self.device)

    def copy(self, array: Array) -> Array:
        return self.xp.asarray(array, copy=True)

    def index(self, index: np.ndarray[Any, Any]) -> Array:
        return self.xp.asarray(index, device=self.device)

    def take(self, array: Array, index: Array, out: Array) -> Array:
        out[...] = self.xp.take(array, index, axis=0)
        return out

    def mean(self, array: Array) -> Array:
        return self.xp.mean(array, axis=0)

    def same(self, first: Array, second: Array) -> bool:
        return bool(self.xp.all(first == second))

    def uniform(self, rng: np.random.Generator, *shape: int) -> Array:
        return self.array(super().uniform(rng, *shape))

    def normal(self, rng: np.random.Generator, *shape: int) -> Array:
        return self.array(super().normal(rng, *shape))


class DrawingArrays(DeviceArrays):
    """Torch tensors whose draws are made on their device, seeded from the host generator."""

    def __init__(
        self, xp: Any, device: Any, dtype: np.dtype[Any], rng: np.random.Generator
    ) -> None:
        super().__init__(xp, device, dtype)
        self._generator = xp.Generator(device=device)
        self._generator.manual_seed(int(rng.integers(2**63)))

    def uniform(self, rng: np.random.Generator, *shape: int) -> Array:
        return self.xp.rand(
            shape, generator=self._generator, dtype=self._own_dtype, device=self.device
        )

    def normal(self, rng: np.random.Generator, *shape: int) -> Array:
        return self.xp.randn(
            shape, generator=self._generator, dtype=self._own_dtype, device=self.device
        )

    def state(self) -> dict[str, Any]:
        return {"generator": to_host(self._generator.get_state())}

    def load_state(self, state: dict[str, Any]) -> None:
        if "generator" not in state:
            fix = "Load a state that was saved with draws='device'."
            raise StateError(explain("state, device_rng", "a device generator", "none", fix))
        self._generator.set_state(self.xp.asarray(state["generator"]))


def _dtype(like: Any, dtype: Any) -> np.dtype[Any]:
    """Return the NumPy twin of ``dtype``, or of what ``like`` holds."""
    wanted = dtype if dtype is not None else np.float64 if like is None else like.dtype
    name = wanted if isinstance(wanted, str) else str(wanted).rpartition(".")[2]
    if isinstance(wanted, type):
        name = wanted.__name__
    if name not in ("float32", "float64"):
        fix = "Pass dtype='float32' or dtype='float64'."
        raise SettingError(explain("dtype", "float32 or float64", name, fix))
    return np.dtype(name)


def arrays_like(like: Any, dtype: Any, draws: str, rng: np.random.Generator) -> Arrays:
    """Return the array primitives for the library and device of ``like``.

    Args:
        like: An array whose library, device and (without ``dtype``) dtype to use; ``None`` is
            NumPy float64.
        dtype: ``float32`` or ``float64``, as a name or as either library spells it.
        draws: ``"host"`` draws from ``rng`` on every backend; ``"device"`` draws on the device.
        rng: Seeds the device's generator; untouched for host draws.

    Raises:
        SettingError: ``like`` is no array, or ``dtype`` is neither precision.
        UnknownNameError: ``draws`` is neither word.
    """
    one_of("draws", draws, ("host", "device"))
    if like is not None and not array_api_compat.is_array_api_obj(like):
        fix = "Pass an array of the library and device to use, for example torch.empty(0)."
        raise SettingError(explain("like", "an array", type(like).__name__, fix))
    precision = _dtype(like, dtype)
    if like is None or array_api_compat.is_numpy_array(like):
        return Arrays(precision)
    xp, device = array_api_compat.array_namespace(like), array_api_compat.device(like)
    if draws == "host":
        return DeviceArrays(xp, device, precision)
    if not array_api_compat.is_torch_array(like):
        fix = "Use draws='host'."
        raise SettingError(explain("draws", "'host' for this library", repr(draws), fix))
    return DrawingArrays(xp, device, precision, rng)
