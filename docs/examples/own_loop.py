"""Three phases in a loop of your own: no supernet, a mixture of experts and its gate."""

import torch
from torch import nn

from swarmnas.optimizers import create
from swarmnas.phases import PolicyEngine, ReseedSwarm, Signals, load_policy
from swarmnas.spaces import Adapter


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Identity(), nn.Tanh(), nn.Linear(8, 8), nn.ReLU()])
        self.gate = nn.Parameter(torch.zeros(3, 4))  # three layers, each a mixture of experts

    def loss(self, x, gate):
        y = x
        for row in torch.as_tensor(gate, dtype=x.dtype).softmax(-1):
            y = sum(w * expert(y) for w, expert in zip(row, self.experts, strict=True))
        return nn.functional.mse_loss(y, torch.tanh(2 * x))


def step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


torch.manual_seed(0)
model, train, valid = Mixture(), torch.randn(64, 8), torch.randn(64, 8)
weights = torch.optim.SGD(model.experts.parameters(), lr=0.05)
alphas = torch.optim.Adam([model.gate], lr=0.02)
adapter = Adapter.from_shapes({"gate": (3, 4)})
engine = PolicyEngine(load_policy("g-icso-nas").rescaled(epochs=20))
while not engine.decision.stop:
    phase, epoch = engine.phase, len(engine.history) + 1
    if any(isinstance(action, ReseedSwarm) for action in engine.decision.actions):
        swarm = create("icso", bounds=adapter.bounds, population_size=8, seed=epoch, noisy=True)
    for _ in range(10):
        if phase.alphas == "swarm":
            gates = adapter.to_alphas(positions := swarm.ask())["gate"]
            swarm.tell(positions, [model.loss(valid, gate).item() for gate in gates])
            answer = adapter.to_alphas(swarm.recommend())["gate"]
            model.gate.data = torch.tensor(answer, dtype=torch.float32)
        elif phase.alphas == "gradient":
            step(alphas, model.loss(valid, model.gate))
        step(weights, model.loss(train, model.gate))
    signals = Signals(
        phase=phase.name,
        phase_epochs=engine.phase_epochs + 1,
        epoch=epoch,
        diversity=adapter.diversity(swarm.positions) if phase.alphas == "swarm" else None,
        genotype=str(model.gate.argmax(1).tolist()),
    )
    print(f"{epoch} {phase.name}: {engine.observe(signals).reason}")
