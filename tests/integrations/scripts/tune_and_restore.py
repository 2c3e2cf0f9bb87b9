"""Tune on a local Ray cluster, lose a trial's process, restore. Argument: a folder."""

import os
import sys

import ray
from ray import tune

from swarmnas.integrations import SwarmSearch


def objective(config):
    if config["x"] > 0 and not os.path.exists(config["marker"]):
        open(config["marker"], "w").close()
        os._exit(1)
    tune.report({"loss": (config["x"] - 1) ** 2 + config["n"]})


if __name__ == "__main__":
    folder = sys.argv[1]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    space = {"x": tune.uniform(-5, 5), "n": tune.randint(0, 3), "marker": f"{folder}/marker"}
    tuner = tune.Tuner(
        objective,
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            search_alg=SwarmSearch("cso", seed=0, population_size=4),
            num_samples=10,
            max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(name="e", storage_path=folder, verbose=0),
    )
    first = tuner.fit()
    again = tune.Tuner.restore(f"{folder}/e", trainable=objective, restart_errored=True).fit()
    print(len(first), first.num_errors, len(again), again.num_errors)
