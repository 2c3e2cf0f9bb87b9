"""Results made by hand."""

from swarmnas.bench import Study
from swarmnas.bench.results import Results

STUDY = {"problems": ["sphere"], "dims": [2], "optimizers": ["cso", "pso"], "seeds": 1}


def results(runs, **changes):
    """Return results of runs {(optimizer, problem): [(hits, evaluations, final error), ...]}."""
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in runs))
    problems = list(dict.fromkeys(problem for _, problem in runs))
    seeds = max(map(len, runs.values()))
    study = Study.from_mapping(
        {**STUDY, "optimizers": optimizers, "problems": problems, "seeds": seeds, **changes}
    )
    records = []
    for unit in study.units():
        made = runs.get((unit.optimizer, unit.problem), [])
        if unit.seed >= len(made):
            continue
        hits, evaluations, error = made[unit.seed]
        records.append(
            {
                "kind": "unit",
                "unit": unit.key,
                **vars(unit),
                "status": "failed" if error is None else "ok",
                "error": "RuntimeError: no",
                "evaluations": evaluations,
                "best_error": "inf" if error is None else error,
                "hits": {"at": [at for at, _ in hits], "error": [e for _, e in hits]},
                "checkpoints": {"at": [], "error": [], "diversity": []},
                "timing": {},
            }
        )
    return Results(study, records)
