"""Statistics: by hand, by brute force, and against SciPy and cocopp."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from swarmnas.bench import Study, run
from swarmnas.bench.exports import to_coco, to_iohanalyzer
from swarmnas.bench.results import Results
from swarmnas.bench.statistics import (
    TARGETS,
    against,
    ecdf,
    expected_running_time,
    friedman,
    holm,
    mean_ranks,
    pairwise_wilcoxon,
    performance_profile,
)
from swarmnas.errors import RunError, SettingError, UnknownNameError
from swarmnas.rng import generator
from tests.bench.made import results

THREE_RUNS = [([(10, 0.5), (40, 0.01)], 100, 0.01), ([(20, 0.5)], 100, 0.2), ([], 80, 3.0)]


def test_expected_running_time_by_hand():
    found = results({("cso", "sphere"): THREE_RUNS})
    block = found.blocks[0]
    assert expected_running_time(found, "cso", block, 0.5) == (10 + 20 + 80) / 2
    assert expected_running_time(found, "cso", block, 0.1) == 40 + 100 + 80
    assert expected_running_time(found, "cso", block, 1e-9) == math.inf


def test_the_share_of_targets_solved_by_hand():
    found = results({("cso", "sphere"): THREE_RUNS})
    shares = ecdf(found, "cso", num_dims=2, at=[4, 5, 10, 40], targets=[0.5], restarts=30_000)
    # After 10 evaluations one run of three has it, after 20 two; the third, restarted at its end
    # (80), hits at 90 or 100 only.
    assert shares[:3] == pytest.approx([0, 1 / 3, 2 / 3], abs=0.01)
    assert shares[3] == pytest.approx(2 / 3, abs=0.01)


def test_failures_are_infinite_and_come_last():
    found = results(
        {
            ("cso", "sphere"): [([], 10, 1.0), ([], 10, 2.0)],
            ("pso", "sphere"): [([], 10, None), ([], 10, None)],
        }
    )
    assert found.table().tolist() == [[1.5, math.inf]]
    assert mean_ranks(found.table()).tolist() == [1, 2]
    assert len(found.failures()) == 2
    assert found.errors("pso", found.blocks[0]).tolist() == [math.inf, math.inf]


def test_friedman_and_wilcoxon_equal_scipys_on_the_raw_table():
    table = generator(0).lognormal(size=(12, 4)) * [1.0, 1.5, 2.0, 2.1]
    ours, theirs = friedman(table), stats.friedmanchisquare(*table.T)
    assert (ours.statistic, ours.p_value) == (theirs.statistic, theirs.pvalue)
    pairs = list(combinations(range(4), 2))
    raw = [stats.wilcoxon(table[:, a], table[:, b]).pvalue for a, b in pairs]
    matrix = pairwise_wilcoxon(table)
    assert [matrix[a, b] for a, b in pairs] == holm(raw)
    assert (matrix == matrix.T).all()
    assert (np.diag(matrix) == 1).all()


def test_holm_equals_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = generator(1).random(20) ** 3
    wanted = multitest.multipletests(p_values, method="holm")[1]
    assert holm(p_values.tolist()) == pytest.approx(wanted.tolist(), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0, math.inf])
def test_tests_of_equal_optimizers_say_1(value):
    table = np.full((5, 3), value)
    assert friedman(table).p_value == 1
    assert (pairwise_wilcoxon(table) == 1).all()
    assert mean_ranks(table).tolist() == [2, 2, 2]


def test_tests_that_are_not_defined_are_not_made():
    assert friedman(np.ones((5, 2))) is None
    assert friedman(np.ones((1, 3))) is None


def test_infinite_losses_lose_by_more_than_any_other():
    some = np.array([[1.0, math.inf], [2.0, 1.0], [3.0, 2.5], [1.0, math.inf], [0.5, 9.0]])
    far = np.where(np.isinf(some), 1e6, some)
    assert pairwise_wilcoxon(some)[0, 1] == pairwise_wilcoxon(far)[0, 1]


def test_one_against_the_others_is_the_rank_sum_test_of_the_runs():
    rng = generator(2)
    finals = {name: rng.lognormal(size=9) for name in ("cso", "pso", "icso")}
    found = results(
        {(n, "sphere"): [([], 10, float(e)) for e in errors] for n, errors in finals.items()}
    )
    ones = {one.other: one for one in against(found, "cso")}
    raw = [stats.mannwhitneyu(finals["cso"], finals[n]).pvalue for n in ("pso", "icso")]
    assert [ones["pso"].p_value, ones["icso"].p_value] == pytest.approx(holm(raw), rel=1e-12)
    better = (finals["cso"][:, None] < finals["pso"]).mean()
    assert ones["pso"].effect == pytest.approx(better, rel=1e-12)
    with pytest.raises(UnknownNameError, match="cso"):
        against(found, "csoo")


def test_errors_below_the_precision_are_equal():
    found = results({("cso", "sphere"): [([], 9, 1e-30)], ("pso", "sphere"): [([], 9, 1e-12)]})
    assert mean_ranks(found.table()).tolist() == [1, 2]
    assert mean_ranks(found.table(precision=1e-8)).tolist() == [1.5, 1.5]


def test_a_profile_counts_what_nobody_solves():
    costs = np.array([[2.0, 4.0], [math.inf, math.inf]])
    assert performance_profile(costs, [1, 2]).tolist() == [[0.5, 0.5], [0, 0.5]]


def test_what_a_block_lacks_is_left_out_of_ranks():
    found = results({("cso", "sphere"): [([], 9, 1.0)], ("pso", "rastrigin"): [([], 9, 2.0)]})
    assert len(found.blocks) == 2
    assert found.complete_blocks == []
    assert found.table().shape == (0, 2)
    assert found.missing == 2
    with pytest.raises(RunError, match="tuning"):
        Results(found.study, [], instances="tuning")


@pytest.fixture(scope="module")
def bbob(tmp_path_factory):
    pytest.importorskip("ioh")
    path = tmp_path_factory.mktemp("bbob") / "store"
    study = Study.from_mapping(
        {
            "problems": ["bbob-f1", "bbob-f3", "bbob-f8", "bbob-f21"],
            "dims": [2, 3],
            "optimizers": ["cso", "random"],
            "seeds": 1,
            "reporting": list(range(1, 11)),
            "budget_per_dim": 150,
        }
    )
    run(study, path)
    return Results.read(path)


def test_both_exports_hold_every_run(bbob, tmp_path):
    for folder in to_coco(bbob, tmp_path / "coco"):
        infos = sorted(folder.glob("*.info"))
        assert len(infos) == 4
        data = (folder / "data_f3" / "bbobexp_f3_DIM2.dat").read_text()
        assert data.count("% f evaluations") == 10
        assert infos[0].read_text().count(":300|") == 10
    for folder in to_iohanalyzer(bbob, tmp_path / "ioh"):
        assert len(list(folder.glob("*.json"))) == 4
        data = (folder / "data_f2_bbob-f3" / "IOHprofiler_f2_DIM2.dat").read_text()
        assert data.count("evaluations raw_y") == 10
    with pytest.raises(SettingError, match="BBOB"):
        to_coco(results({("cso", "sphere"): THREE_RUNS}), tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_running_times_and_shares_equal_those_of_cocopp(bbob, tmp_path):
    pproc = pytest.importorskip("cocopp.pproc")
    toolsstats = pytest.importorskip("cocopp.toolsstats")
    compared = 0
    for name, folder in zip(bbob.optimizers, to_coco(bbob, tmp_path), strict=True):
        sets = {(s.funcId, s.dim): s for s in pproc.DataSetList([str(folder)])}
        shares, at = {2: [], 3: []}, np.logspace(0, 2.7, 40)
        for block in bbob.blocks:
            theirs = sets[int(block.problem.removeprefix("bbob-f")), block.num_dims]
            ours = [expected_running_time(bbob, name, block, target) for target in TARGETS]
            assert theirs.detERT(TARGETS) == pytest.approx(ours, rel=1e-9)
            compared += len(ours)
            for times in theirs.detEvals(TARGETS):
                hit = ~np.isnan(times)
                drawn = [np.inf] * 1000
                if hit.any():
                    spent = theirs.maxevals[~hit]
                    drawn = np.sort(toolsstats.drawSP(times[hit], spent, [50], 1000)[1])
                found = np.searchsorted(drawn, at * block.num_dims, side="right") / 1000
                shares[block.num_dims].append(found)
        for num_dims, theirs in shares.items():
            ours = ecdf(bbob, name, num_dims=num_dims, at=at)
            assert ours == pytest.approx(np.mean(theirs, axis=0), abs=0.01)
    assert compared == 2 * 8 * 51
