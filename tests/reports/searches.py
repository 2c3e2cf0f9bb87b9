"""Searches without a network: a policy's own decisions over made-up readings, written as a run."""

import json
import tomllib

import numpy as np

from swarmnas.phases import PolicyEngine, ReseedSwarm, Signals, load_policy
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig
from swarmnas.search.candidates import LONGER, finalists, neighbours
from swarmnas.search.trace import SwarmTrace, trace_alphas
from swarmnas.spaces import Adapter, create


def write_search(
    path,
    *,
    space="nasbench201",
    policy="g-icso-nas",
    epochs=10,
    stop_after=None,
    particles=6,
    generations=3,
):
    """Write the run of a search; broken off after so many epochs if that is given.

    ``generations`` is of an epoch of a swarm.
    """
    rng = np.random.default_rng(0)
    plan = load_policy(policy).rescaled(epochs=epochs)
    engine = PolicyEngine(plan)
    config = SearchConfig(space=space, policy=policy, epochs=epochs)
    settings = {"search": config.to_mapping(), "policy": tomllib.loads(plan.to_toml())}
    run = RunDirectory.create(path, config=settings)
    rules = create(space)
    adapter = Adapter(rules)
    swarm = rng.uniform(*adapter.bounds, (particles, adapter.num_dims))
    alphas = {name: np.zeros(shape) for name, shape in rules.alpha_shapes.items()}
    run.append({"kind": "decision", "epoch": 0, **engine.decision.to_json()})
    while not engine.decision.stop and len(engine.history) != stop_after:
        epoch = len(engine.history) + 1
        traced = {}
        if any(isinstance(action, ReseedSwarm) for action in engine.decision.actions):
            swarm = rng.uniform(*adapter.bounds, (particles, adapter.num_dims))
        if engine.phase.alphas == "swarm":
            trace = SwarmTrace(adapter, swarm, generations=generations)
            for _ in range(generations):
                swarm = 0.9 * swarm + 0.1 * swarm[0]
                trace.add(swarm, swarm.mean(axis=0))
            traced = {"swarm": trace.generations}
            alphas = adapter.to_alphas(swarm.mean(axis=0))
        signals = Signals(
            phase=engine.phase.name,
            phase_epochs=engine.phase_epochs + 1,
            epoch=epoch,
            evaluations=particles * epoch,
            seconds=float(epoch),
            train_loss=2.0 / epoch,
            valid_loss=2.2 / epoch if epoch != 2 else float("nan"),
            valid_accuracy=1 - 1 / (epoch + 1),
            diversity=adapter.diversity(swarm) if "swarm" in traced else None,
            entropy=adapter.entropy(alphas),
            genotype=rules.decode(alphas).to_text(),
            skip_share=0.0,
        )
        decision = engine.observe(signals)
        run.append({"kind": "epoch", **signals.to_json(), **trace_alphas(alphas), **traced})
        run.append({"kind": "decision", "epoch": epoch, **decision.to_json()})
    if engine.decision.stop:
        genotype = rules.decode(alphas)
        run.write_json(
            "genotype.json", {"genotype": genotype.to_json(), "text": genotype.to_text()}
        )
    return run.path


def add_candidates(path, losses, *, longer=None):
    """Let a finished search try its genotype and neighbours, with these losses.

    ``longer`` are the losses of the best, trained anew; the search breaks off before it has them
    all, or where there are none. The answer is returned, or None.
    """
    run = RunDirectory.open(path)
    space = create(run.config["search"]["space"])
    last = [Signals.from_json(r) for r in run.history() if r["kind"] == "epoch"][-1]
    read_out = space.parse(last.genotype)
    near = neighbours(space, read_out, space.encode(read_out))
    wanted = [read_out, *(genotype for genotype, _ in zip(near, losses[1:], strict=False))]
    ranked = [wanted[at] for at in np.argsort(losses, kind="stable")][: finalists(len(losses))]
    longer = longer or []
    for number, (genotype, loss) in enumerate([*zip(wanted, losses, strict=True),
                                               *zip(ranked, longer, strict=False)]):  # fmt: skip
        text, accuracy = genotype.to_text(), 0.0 if np.isinf(loss) else 1 / (1 + loss)
        run.append({
            "kind": "candidate", "epoch": last.epoch, "phase": last.phase, "genotype": text,
            "trained_epochs": 1 if number < len(losses) else LONGER, "valid_loss": loss,
            "valid_accuracy": accuracy, "score": loss, "stop": True,
            "reason": f"candidate {number + 1}, {text}: loss {loss:.4f}, accuracy {accuracy:.4f}",
        })  # fmt: skip
    if len(longer) < len(ranked):
        (run.path / "genotype.json").unlink()
        return None
    answer = ranked[int(np.argmin(longer))]
    found = {"genotype": answer.to_json(), "text": answer.to_text()}
    (run.path / "genotype.json").write_text(json.dumps(found))
    return answer
