"""Minimise a bowl with a swarm from OptunaHub."""

import optuna
import optunahub

SwarmSampler = optunahub.load_module("samplers/swarmnas").SwarmSampler
study = optuna.create_study(sampler=SwarmSampler("icso", seed=0))
study.optimize(lambda trial: trial.suggest_float("x", -5, 5) ** 2, n_trials=100)
print(study.best_params)
