"""Studies: what they run, what each unit draws from, and what they refuse."""

import re
import tomllib
from pathlib import Path

import pytest

from swarmnas.bench import Study
from swarmnas.errors import DocumentError, SwarmNASError


def study(**changes):
    return Study.from_mapping(
        {
            "problems": ["sphere", "rastrigin"],
            "dims": [2, 3],
            "optimizers": ["cso", "pso"],
            "seeds": 2,
            **changes,
        }
    )


def test_units_are_all_combinations_each_once():
    units = list(study(reporting=[1, 2], tuning=[9]).units())
    assert len({unit.key for unit in units}) == len(units) == 2 * 2 * 2 * 3 * 2
    assert {unit.purpose for unit in units if unit.instance == 9} == {"tuning"}
    assert {unit.purpose for unit in units if unit.instance != 9} == {"reporting"}


def test_the_seed_of_a_unit_is_its_own_whatever_else_the_study_runs():
    few, many = study(optimizers=["pso"]), study(optimizers=["icso", "cso", "pso"], seeds=9)
    wanted = {unit.key: few.seed_of(unit).generate_state(4).tolist() for unit in few.units()}
    for unit in many.units():
        if unit.key in wanted:
            assert many.seed_of(unit).generate_state(4).tolist() == wanted.pop(unit.key)
    assert not wanted
    states = {tuple(many.seed_of(unit).generate_state(4)) for unit in many.units()}
    assert len(states) == len(list(many.units()))
    unit = next(few.units())
    other = study(optimizers=["pso"], seed=1)
    assert few.seed_of(unit).generate_state(1) != other.seed_of(unit).generate_state(1)


def test_a_study_is_read_back_as_it_was(tmp_path):
    first = study(
        suite="classic",
        problems=[{"name": "sphere", "label": "turned", "settings": {"rotated": True}}],
        optimizers=["cso", {"name": "cso", "label": "cso phi", "settings": {"phi": 0.1}}],
        tuning=[7],
        stop_error=1e-8,
    )
    assert Study.from_mapping(first.to_mapping()) == first
    assert len(first.problems) == 21
    assert [entry.label for entry in first.optimizers] == ["cso", "cso phi"]
    file = tmp_path / "study.toml"
    file.write_text('problems = ["sphere"]\ndims = [2]\noptimizers = ["cso"]\n')
    assert Study.read(file).seeds == 15


def test_budgets_count_evaluations():
    assert study(budget_per_dim=50).evaluations(3) == 150
    assert study(budget=77).evaluations(3) == 77


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizers": ["psoo"]}, ["optimizers", "Did you mean 'pso'"]),
        ({"optimizers": ["nevergrad:PSOO"]}, ["optimizers", "PSO"]),
        ({"suite": "clasic"}, ["Did you mean 'classic'"]),
        ({"problems": ["rastrign"]}, ["problems", "Did you mean 'rastrigin'"]),
        ({"sedes": 3}, ["sedes", "Did you mean 'seeds'"]),
        ({"problems": []}, ["problems", "Name a suite"]),
        ({"suite": "classic", "problems": False}, ["problems", "list"]),
        ({"optimizers": ["cso", "cso"]}, ["label", "'cso' twice"]),
        ({"dims": []}, ["dims"]),
        ({"dims": [2, 2]}, ["dims", "once"]),
        ({"dims": ["ten"]}, ["dims"]),
        ({"seeds": 0}, ["seeds"]),
        ({"seeds": True}, ["seeds"]),
        ({"stop_error": float("inf")}, ["stop_error"]),
        ({"optimizers": [{"nam": "cso"}]}, ["nam", "name"]),
        ({"optimizers": [{"name": "cso", "label": "a|b"}]}, ["label"]),
    ],
)
def test_what_is_wrong_is_named(changes, words):
    with pytest.raises(DocumentError) as found:
        study(**changes)
    for word in words:
        assert word in str(found.value)
    assert "\n" not in str(found.value)


def test_a_wrong_line_of_a_file_is_named(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('problems = ["sphere"]\ndims = [2]\noptimizers = ["cso"]\nbudget = -1\n')
    with pytest.raises(DocumentError, match="line 4"):
        Study.read(file)
    with pytest.raises(SwarmNASError, match=r"absent\.toml"):
        Study.read(tmp_path / "absent.toml")


STUDIES = sorted((Path(__file__).parents[2] / "docs" / "studies").glob("*.toml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_published_studies_are_read(path):
    assert len(list(Study.read(path).units())) >= 100


def test_the_howto_runs(capsys):
    page = (STUDIES[0].parents[1] / "how-to" / "compare-optimizers.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, re.S | re.M):
        exec(block, {})
        assert capsys.readouterr().out.strip() == block.splitlines()[-1].removeprefix("# ")
    for block in re.findall(r"^```toml\n(.*?)^```", page, re.S | re.M):
        assert Study.from_mapping(tomllib.loads(block)).optimizers
