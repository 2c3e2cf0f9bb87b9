"""Every registered policy, and one that uses all there is, keeps the contract of policies."""

import pytest

from swarmnas.phases import available, load_policy, parse_policy
from swarmnas.testing.phases import PolicyContract

EVERYTHING = """
epochs = 20
max_returns = 2

[[phase]]
name = "one"
alphas = "frozen"
train_under = "dirichlet"
concentration = [2.0, 0.5]
until = [
  { trigger = "no-gain", for_epochs = 2, min_delta = 0.1 },
  { trigger = "epochs", at_least = 5 },
]

[[phase]]
name = "two"
alphas = "alternate"
swarm_every = 3
gradient_at = "particles"
train_under = "centre"
draw_around = "dirichlet"
freeze = { trigger = "gradient-agreement", below = 0.3 }

[[phase.until]]
for_epochs = 2
all = [
  { trigger = "diversity", below = 0.5, relative = true },
  { not = { trigger = "diversity", slope_over = 2, above = 0.0 } },
  { any = [{ trigger = "entropy", below = 0.9 }, { trigger = "evaluations", at_least = 24 }] },
]

[[phase.until]]
trigger = "skip-count"
at_least = 3
cell = "normal"
for_epochs = 2

[[phase]]
name = "three"
alphas = "gradient"
order = 2
temperature = [5.0, 0.1]
draw_around = "normal"
noise = 1.0
weights_decay_factor = 3.0
read_out = "perturbation"
until = [
  { trigger = "hessian-eigenvalue", every = 1, window = 3, lag = 2, start = 1 },
  { trigger = "ranking-stable", for_epochs = 4 },
  { trigger = "epochs", at_least = 10 },
]
back_to = [
  { phase = "two", when = { trigger = "skip-share", above = 0.8 } },
  { phase = "one", when = { trigger = "seconds", at_least = 4 } },
]
"""


class TestRegisteredPolicies(PolicyContract):
    @pytest.fixture(params=list(available()))
    def policy(self, request):
        return load_policy(request.param)


class TestPolicyOfEverything(PolicyContract):
    @pytest.fixture
    def policy(self):
        return parse_policy(EVERYTHING, source="everything.toml")
