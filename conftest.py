"""Doctests of an adapter run where its host is installed."""

from importlib.util import find_spec

HOSTS = {"optuna": "optuna", "pymoo": "pymoo", "ray": "ray", "ray_tune": "ray", "solver": "ioh"}
collect_ignore = [
    "tests/integrations/scripts",  # run by tests, as programs of their own
    *(f"swarmnas/integrations/{name}.py" for name, host in HOSTS.items() if not find_spec(host)),
]
