"""Doctests of an adapter run where its host is installed."""

from importlib.util import find_spec

HOSTS = {"optuna": "optuna", "pymoo": "pymoo", "ray": "ray", "ray_tune": "ray"}
collect_ignore = [
    f"swarmnas/integrations/{module}.py"
    for module, host in HOSTS.items()
    if find_spec(host) is None
]
