"""Every error and warning that swarmnas raises on purpose.

Each class also derives from the builtin that a caller would catch. The message pattern is
"where: expected; got. What to do." and the command line prints it as one line, exit code 2.
"""

__all__ = [
    "AskTellOrderError",
    "DataError",
    "DeviceError",
    "DivergenceError",
    "DocumentError",
    "MissingDependencyError",
    "PluginError",
    "RunError",
    "SettingError",
    "ShapeError",
    "StateError",
    "SwarmNASError",
    "SwarmNASWarning",
    "UnknownNameError",
]


class SwarmNASError(Exception):
    """Base of all errors that swarmnas raises on purpose."""


class SettingError(SwarmNASError, ValueError):
    """A setting has a value outside what it allows."""


class ShapeError(SwarmNASError, ValueError):
    """An array has the wrong shape."""


class UnknownNameError(SwarmNASError, LookupError):
    """A name that no registry entry, key or file answers to."""


class AskTellOrderError(SwarmNASError, RuntimeError):
    """``ask`` and ``tell`` were not called in turn."""


class StateError(SwarmNASError, ValueError):
    """A saved state does not belong to the object that should load it."""


class DocumentError(SwarmNASError, ValueError):
    """A TOML or JSON document is unreadable or holds something unexpected."""


class DataError(SwarmNASError, ValueError):
    """A data set or table is missing, torn, or not of the expected form."""


class RunError(SwarmNASError, RuntimeError):
    """A run directory cannot be created, continued or read."""


class DivergenceError(SwarmNASError, ArithmeticError):
    """A loss became NaN or infinite while weights were trained."""


class DeviceError(SwarmNASError, RuntimeError):
    """A device that was asked for is absent, or has too little memory."""


class MissingDependencyError(SwarmNASError, ImportError):
    """An optional dependency is not installed."""


class PluginError(SwarmNASError, RuntimeError):
    """A plug-in of somebody else is broken."""


class SwarmNASWarning(UserWarning):
    """Base of all warnings that swarmnas issues."""
