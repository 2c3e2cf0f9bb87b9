"""The import of official archives, against a stand-in with the interface of nats-bench 1.8."""

import sys
import types

import pytest

from swarmnas.errors import DataError, MissingDependencyError, SettingError
from swarmnas.problems import Table, import_table

ARCHS = [
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]


class FakeAPI:
    """What ``nats_bench.create`` returns, as far as its documentation promises."""

    def __init__(self, path, fast_mode):
        self.path, self.fast_mode = path, fast_mode
        self.arch2infos_dict = {}
        self.most_in_memory = 0

    def __len__(self):
        return len(ARCHS)

    def arch(self, index):
        return ARCHS[index]

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        assert not is_random
        self.arch2infos_dict[index] = {}
        self.most_in_memory = max(self.most_in_memory, len(self.arch2infos_dict))
        if hp == "12" and dataset not in ("cifar10", "cifar10-valid"):
            raise KeyError(dataset)
        base = {"cifar10-valid": 90, "cifar10": 80, "cifar100": 70, "ImageNet16-120": 40}[dataset]
        info = {"train-accuracy": 99.0, "test-accuracy": base + index + int(hp) / 1000}
        if dataset != "cifar10":
            info["valid-accuracy"] = base + index + int(hp) / 1000 + 0.5
        return info

    def get_cost_info(self, index, dataset, hp="12"):
        if hp == "12":
            raise ValueError("this architecture only has 200")
        return {"flops": 15.64737, "params": 0.129306 + index, "latency": None}


@pytest.fixture
def nats_bench(monkeypatch):
    module = types.ModuleType("nats_bench")
    module.made = []

    def create(file_path_or_dict, search_space, fast_mode=False, verbose=True):
        assert search_space == "tss"
        assert not verbose
        module.made.append(FakeAPI(file_path_or_dict, fast_mode))
        return module.made[-1]

    module.create = create
    monkeypatch.setitem(sys.modules, "nats_bench", module)
    return module


def test_a_folder_is_read_cell_by_cell(nats_bench, tmp_path):
    archive = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    archive.mkdir()
    out = tmp_path / "table.csv.gz"
    made = import_table(archive, out, trust=True)
    read = Table.read(out)
    (api,) = nats_bench.made
    assert api.fast_mode
    assert api.path == str(archive)
    assert api.most_in_memory == 1
    assert read.archs == made.archs == tuple(ARCHS)
    assert read.lookup(ARCHS[1], reveal_test=True) == {
        "index": 1,
        "cifar10_valid_200": 91.7,  # trained on half, from cifar10-valid
        "cifar10_test_200": 81.2,  # trained on all, from cifar10
        "cifar10_valid_12": pytest.approx(91.512),
        "cifar10_test_12": pytest.approx(81.012),
        "cifar10_params": 1_129_306,
        "cifar10_flops": 15_647_370,
        "cifar100_valid_200": 71.7,
        "cifar100_test_200": 71.2,
        "cifar100_params": 1_129_306,
        "cifar100_flops": 15_647_370,
        "imagenet16-120_valid_200": 41.7,
        "imagenet16-120_test_200": 41.2,
        "imagenet16-120_params": 1_129_306,
        "imagenet16-120_flops": 15_647_370,
    }
    assert "imagenet16-120_valid_200" in read.validation_columns


def test_a_single_file_is_read_whole(nats_bench, tmp_path):
    archive = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    archive.write_bytes(b"")
    import_table(archive, tmp_path / "table.csv", trust=True)
    assert not nats_bench.made[0].fast_mode


def test_the_names_of_nasbench201_become_epochs(nats_bench, tmp_path):
    torch = pytest.importorskip("torch")
    archive = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    content = {"meta_archs": ARCHS, "arch2infos": {0: {"less": {"a": 1}, "full": {"b": 2}}}}
    torch.save(content, archive)
    import_table(archive, tmp_path / "table.csv", trust=True)
    assert nats_bench.made[0].path["arch2infos"] == {0: {"12": {"a": 1}, "200": {"b": 2}}}


def test_nothing_is_unpickled_without_trust(nats_bench, tmp_path):
    with pytest.raises(SettingError, match=r"unpickles it.*can run any code.*trust=True"):
        import_table(tmp_path, tmp_path / "table.csv")
    assert nats_bench.made == []
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'swarmnas\[nats\]'"):
        import_table(tmp_path, tmp_path / "table.csv", trust=True)


@pytest.mark.parametrize(
    ("archive", "out", "message"),
    [
        ("none", "table.csv", "expected an archive; got no such path"),
        (".", "table.txt", r"a name in \.csv or \.csv\.gz"),
        (".", "no/table.csv", "expected an existing folder"),
    ],
)
def test_bad_paths_are_told_before_any_work(nats_bench, tmp_path, archive, out, message):
    with pytest.raises(DataError, match=message):
        import_table(tmp_path / archive, tmp_path / out, trust=True)
    assert nats_bench.made == []


def test_a_torn_archive_writes_nothing(nats_bench, tmp_path, monkeypatch):
    def torn(*_, **__):
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    monkeypatch.setattr(nats_bench, "create", torn)
    with pytest.raises(DataError, match=r"whole NATS-Bench .* got EOFError: Compressed file ended"):
        import_table(tmp_path, tmp_path / "table.csv", trust=True)
    assert list(tmp_path.iterdir()) == []


def test_cells_with_other_figures_are_refused(nats_bench, tmp_path, monkeypatch):
    whole = FakeAPI.get_more_info

    def holed(self, index, dataset, **settings):
        if index == 1 and dataset == "cifar100":
            raise KeyError(dataset)
        return whole(self, index, dataset, **settings)

    monkeypatch.setattr(FakeAPI, "get_more_info", holed)
    with pytest.raises(
        DataError, match=r"cell 1, .* other ones: cifar100_test_200, cifar100_valid"
    ):
        import_table(tmp_path, tmp_path / "table.csv", trust=True)
