"""The commands, as a user types them."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import swarmnas
from swarmnas.errors import SwarmNASError
from swarmnas_cli import main as cli
from tests.shared_data import shared_file

RUNNER = CliRunner()
SETTINGS = "--dataset digits --train-images 120 --epochs 5 --channels 2 --batch-size 20"
TINY = ["search", *SETTINGS.split(), "--population-size", "6", "--threads", "1"]
CELL = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"


def invoke(*words):
    return RUNNER.invoke(cli.app, [str(word) for word in words], catch_exceptions=True)


def run_main(monkeypatch, capsys, *words):
    """Run the command line as the installed script does; return exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["swarmnas", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv.gz"
    text = (
        f"index,arch,cifar10_valid_200,cifar10_test_200,cifar10_params\n0,{CELL},91.5,94.25,0.5\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_version():
    assert invoke("--version").output == f"swarmnas {swarmnas.__version__}\n"


def test_help_names_every_command():
    output = invoke("--help").output
    for command in ("search", "compare", "lookup", "table", "list"):
        assert command in output


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("optimizers", "icso"),
        ("spaces", "nasbench201"),
        ("policies", "g-icso-nas"),
        ("datasets", "digits"),
        ("genotypes", "DARTS_V2"),
    ],
)
def test_list_shows_names_and_json(kind, name):
    assert name in invoke("list", kind).output
    rows = json.loads(invoke("list", kind, "--json").output)
    assert name in {row["name"] for row in rows}
    assert all(row["summary"] for row in rows)


def test_dry_run_says_hours_and_memory_and_searches_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = invoke(*TINY, "--dry-run").output
    assert "Dry run on CPU, 1 thread" in output
    assert "exploration" in output
    assert "hours in all" in output
    assert "GiB of memory" in output
    found = json.loads(invoke(*TINY, "--dry-run", "--json").output)
    assert found["hours"] > 0
    assert not list(tmp_path.iterdir())


def test_show_prints_cost_and_draws(tmp_path):
    path = tmp_path / "cell.svg"
    output = invoke("show", "DARTS_V2", "--out", path).output
    assert "3,349,342 parameters" in output
    assert "sep_conv_3x3" in output
    assert path.read_bytes().startswith(b"<?xml")


def test_show_counts_for_any_size():
    small, large = (
        json.loads(invoke("show", CELL, "--channels", channels, "--json").output)
        for channels in (8, 16)
    )
    assert small["text"] == CELL
    assert small["cells"] == 5
    assert 3 < large["parameters"] / small["parameters"] < 4
    assert 3 < large["flops"] / small["flops"] < 4


def test_show_refuses_in_one_line(monkeypatch, capsys, tmp_path):
    code, _, error = run_main(monkeypatch, capsys, "show", "DARTS_V3")
    assert (code, error.count("\n")) == (2, 1)
    assert "Did you mean 'DARTS_V" in error
    code, _, error = run_main(monkeypatch, capsys, "show", CELL, "--out", tmp_path / "cell.jpg")
    assert code == 2
    assert "expected one of .svg, .png, .pdf; got .jpg" in error


def test_lookup_hides_test_columns_until_asked(table):
    shown = invoke("lookup", CELL, "--table", table).output
    assert "91.5" in shown
    assert "94.25" not in shown
    assert "94.25" in invoke("lookup", CELL, "--table", table, "--reveal-test").output
    row = json.loads(invoke("lookup", CELL, "--table", table, "--json").output)
    assert row == {"arch": CELL, "index": 0, "cifar10_valid_200": 91.5, "cifar10_params": 0.5}


def test_lookup_in_the_real_table():
    path = shared_file("nasbench201_cifar10.csv.gz")
    best = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    best += "|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    row = json.loads(invoke("lookup", best, "--table", path, "--reveal-test", "--json").output)
    assert row["cifar10_test_200"] == pytest.approx(94.3733, abs=1e-4)


def test_search_ends_with_cell_phases_table_and_run(table, tmp_path):
    out = tmp_path / "run"
    ended = invoke(*TINY, "--out", out)
    assert ended.exit_code == 0, ended.output
    for text in ("epoch 1 warm-up", "exploration", "stability", "Found:", "Phases"):
        assert text in ended.output
    found = json.loads((out / "genotype.json").read_text(encoding="utf-8"))["text"]
    assert found in ended.output
    again = invoke("search", "--resume", out, "--json")
    assert json.loads(again.output)["text"] == found


def test_an_answer_of_candidates_is_called_one(tmp_path):
    ended = invoke(*TINY, "--candidates", 2, "--out", tmp_path / "run")
    assert "Found, the best candidate that was trained briefly:" in ended.output


def test_flags_win_over_file_and_file_over_preset(tmp_path):
    config = tmp_path / "my.toml"
    config.write_text("seed = 5\nchannels = 2\n", encoding="utf-8")
    out = tmp_path / "run"
    flags = [*TINY[1:], "--seed", 7]
    ended = invoke("search", "--preset", "digits", "--config", config, *flags, "--out", out)
    assert ended.exit_code == 0, ended.output
    written = (out / "config.toml").read_text(encoding="utf-8")
    assert "seed = 7" in written
    assert "channels = 2" in written


def test_compare_trains_found_and_random_networks_alike(tmp_path):
    out = tmp_path / "run"
    assert invoke(*TINY, "--out", out).exit_code == 0
    ended = invoke("compare", out, "--epochs", 1, "--json")
    assert ended.exit_code == 0, ended.output
    rows = json.loads(ended.stdout)
    assert [row["name"] for row in rows] == ["found", "random 1", "random 2", "random 3"]
    assert all(0 <= row["test_accuracy"] <= 1 for row in rows)


def _npz(path, **changes):
    arrays = {
        "x_train": np.zeros((80, 8, 8, 3), np.uint8),
        "y_train": np.arange(80, dtype=np.uint8) % 4,
        "x_test": np.zeros((8, 8, 8, 3), np.uint8),
        "y_test": np.arange(8, dtype=np.uint8) % 4,
    } | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def _torn(path):
    whole = _npz(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


NPZ = {
    "torn": (_torn, "data.npz"),
    "key": (lambda path: _npz(path, y_train=None), "y_train"),
    "dtype": (lambda path: _npz(path, x_train=np.zeros((80, 8, 8, 3))), "x_train"),
    "shape": (lambda path: _npz(path, x_train=np.zeros((80, 8), np.uint8)), "x_train"),
    "labels": (lambda path: _npz(path, y_train=np.full(80, -1)), "y_train"),
    "lengths": (lambda path: _npz(path, y_train=np.zeros(7, np.uint8)), "y_train"),
}


@pytest.mark.parametrize("case", NPZ)
def test_a_bad_npz_is_one_line(case, tmp_path, monkeypatch, capsys):
    make, message = NPZ[case]
    make(tmp_path / "data.npz")
    out = tmp_path / "run"
    code, _, error = run_main(
        monkeypatch, capsys, "search", "--dataset", tmp_path / "data.npz", "--out", out
    )
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--space", "nasbench21"], "Did you mean 'nasbench201'"),
        (["--optimizer", "icsoo"], "Did you mean 'icso'"),
        (["--policy", "g-icso-nass"], "Did you mean 'g-icso-nas'"),
        (["--dataset", "digts"], "Did you mean 'digits'"),
        (["--preset", "digit"], "Did you mean 'digits'"),
        (["--epochs", "0"], "epochs"),
        (["--table", "none.csv"], "none.csv"),
        (["--resume", "nowhere"], "expected a run directory"),
        (["--resume", "nowhere", "--seed", "1"], "leave them out"),
        (
            ["--config", "bad.toml"],
            "bad.toml, line 2: key: unknown name 'sead'. Did you mean 'seed'",
        ),
        (["--config", "torn.toml"], "torn.toml: expected TOML"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('space = "nasbench201"\nsead = 1\n', encoding="utf-8")
    (tmp_path / "torn.toml").write_text("space = = 1\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    code, _, error = run_main(monkeypatch, capsys, "search", *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_unknown_kind_says_the_nearest(monkeypatch, capsys):
    code, _, error = run_main(monkeypatch, capsys, "list", "optimizer")
    assert code == 2
    assert "Did you mean 'optimizers'?" in error


def test_import_asks_for_trust(tmp_path, monkeypatch, capsys):
    code, _, error = run_main(monkeypatch, capsys, "table", "import", tmp_path, tmp_path / "t.csv")
    assert code == 2
    assert "--trust" in error or "trust" in error


def test_our_errors_only_are_turned_into_lines(monkeypatch):
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()
    assert not issubclass(ZeroDivisionError, SwarmNASError)


def test_importing_swarmnas_is_quick_and_imports_no_torch():
    code = (
        "import sys, time; began = time.perf_counter(); import swarmnas; "
        "print(time.perf_counter() - began, 'torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    fastest = np.inf
    for _ in range(3):  # the machine may be busy
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        fastest = min(fastest, float(shown[0]))
        assert shown[1:] == ["False", "False"]
    assert fastest < 0.3


def test_help_of_the_installed_command_imports_no_torch():
    code = "import sys; import swarmnas_cli.main; print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


@pytest.mark.parametrize(
    "words",
    [["search", "--learning-rate", "-1"], ["train", "DARTS_V3"]],
    ids=lambda words: words[0],
)
def test_a_refusal_waits_for_no_torch(words):
    code = (
        "import sys\nfrom swarmnas.errors import SwarmNASError\nfrom swarmnas_cli.main import app\n"
        f"try:\n    app({words!r}, standalone_mode=False)\n"
        "except SwarmNASError:\n    print('refused', 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "refused False\n"
