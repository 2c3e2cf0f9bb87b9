"""Seeds and generators: one word (`seed`), one kind (SFC64), state as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError, StateError

__all__ = [
    "Seed",
    "fill_uniform",
    "generator",
    "generator_state",
    "restore_generator",
    "seed_sequence",
]

Seed = int | np.random.SeedSequence

_FEW = 4096  # below, a call of each step costs more than it saves
_CHUNK = 2**16  # even
_LOW_BITS = np.uint32(8)  # a float32 holds 24 of 32
_RESOLUTION = np.float32(2**-24)


def seed_sequence(seed: Seed, *path: int) -> np.random.SeedSequence:
    """Return the seed sequence of ``seed``, or its descendant at ``path``.

    A descendant depends on the seed and the path alone, never on what was drawn or spawned
    before: ``seed_sequence(0, 3, 1)`` is the same stream in every process.

    Args:
        seed: An integer >= 0 or a ``SeedSequence``.
        *path: Integers >= 0 that name the descendant, for example ``(epoch, purpose)``.

    Raises:
        SettingError: ``seed`` is neither.
    """
    if not isinstance(seed, np.random.SeedSequence):
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise SettingError(
                explain(
                    "seed",
                    "an integer >= 0",
                    repr(seed),
                    "Use a non-negative seed, for example 0.",
                )
            )
        seed = np.random.SeedSequence(int(seed))
    if not path:
        return seed
    key = tuple(as_int("path", step, low=0) for step in path)
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))


def generator(seed: Seed, *path: int) -> np.random.Generator:
    """Return a fresh generator for ``seed``, or for its descendant at ``path``.

    Example:
        >>> generator(0, 2).random() == generator(0, 2).random()
        True
    """
    return np.random.Generator(np.random.SFC64(seed_sequence(seed, *path)))


def fill_uniform(rng: np.random.Generator, out: np.ndarray[Any, Any]) -> None:
    """Fill ``out`` with the draws of ``rng.random(out=out)``, the same ones, sooner for float32.

    NumPy calls the bit generator once a float32; here one call makes two, both halves of a word.

    Args:
        rng: Of an SFC64.
        out: One-dimensional, float32 or float64.

    Example:
        >>> draws = np.empty(3, dtype=np.float32)
        >>> fill_uniform(generator(0), draws)
        >>> bool((draws == generator(0).random(3, dtype=np.float32)).all())
        True
    """
    if out.dtype != np.float32 or len(out) < _FEW:
        rng.random(out=out, dtype=out.dtype)
        return
    bits, begin, end = rng.bit_generator, 0, len(out)
    if bits.state["has_uint32"]:  # the half that the last 32-bit draw left over comes first
        begin = 1
        rng.random(out=out[:1], dtype=np.float32)
    if (end - begin) % 2:
        end -= 1
    for start in range(begin, end, _CHUNK):
        chunk = out[start : min(start + _CHUNK, end)]
        halves = bits.random_raw(len(chunk) // 2).view(np.uint32)
        halves >>= _LOW_BITS
        chunk[...] = halves.view(np.int32)
        chunk *= _RESOLUTION
    if end < len(out):
        rng.random(out=out[end:], dtype=np.float32)


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of an SFC64 generator as plain data (integers, strings, lists)."""
    state = rng.bit_generator.state
    return {
        "kind": state["bit_generator"],
        "words": [int(word) for word in state["state"]["state"]],
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def restore_generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that continues where :func:`generator_state` was taken.

    Raises:
        StateError: The state is not that of an SFC64 generator.
    """
    words = state.get("words")
    rest: list[Any] = [state.get("has_uint32"), state.get("uinteger")]
    if (
        state.get("kind") != "SFC64"
        or not isinstance(words, list)
        or len(words) != 4
        or not all(type(word) is int and 0 <= word < 2**64 for word in words)
        or not all(type(word) is int and 0 <= word < 2**32 for word in rest)
    ):
        raise StateError(
            explain(
                "generator state",
                "kind 'SFC64' with four words",
                repr(state.get("kind")),
                "Load a state that state_dict() returned.",
            )
        )
    bits = np.random.SFC64(0)
    bits.state = {
        "bit_generator": "SFC64",
        "state": {"state": np.array(words, dtype=np.uint64)},
        "has_uint32": rest[0],
        "uinteger": rest[1],
    }
    return np.random.Generator(bits)
