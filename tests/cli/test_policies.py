"""`swarmnas policy` and `swarmnas explain`, as a user types them."""

import contextlib
import json

import pytest
from typer.testing import CliRunner

from swarmnas import search
from swarmnas.errors import DocumentError, RunError, SettingError, SwarmNASError, UnknownNameError
from swarmnas.phases import Phase, Policy, available, load_policy, parse_policy, triggers
from swarmnas.runs import RunDirectory
from swarmnas_cli import main as cli

RUNNER = CliRunner()


def invoke(*words, width=80):
    return RUNNER.invoke(
        cli.app, [str(word) for word in words], env={"COLUMNS": str(width)}, catch_exceptions=True
    )


def printed(*words, width=80):
    """Return what a command prints, with every run of white space as one space."""
    result = invoke(*words, width=width)
    assert result.exception is None, result.exception
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    config = search.SearchConfig(
        dataset="digits", train_images=80, epochs=8, channels=2, batch_size=20, threads=1,
        policy="g-icso-nas", population_size=6,
    )  # fmt: skip
    search.run(config, out=path)
    return path


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", sorted(available()))
def test_every_policy_is_drawn_and_told(name, width):
    result = invoke("policy", "show", name, width=width)
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= width
    assert all(f"─ {phase.name} ─" in result.output for phase in load_policy(name).phases)
    assert "the search stops; after" in result.output
    told = json.loads(invoke("policy", "show", name, "--json").output)
    assert [phase["name"] for phase in told["phases"]] == [p.name for p in load_policy(name).phases]
    assert all(sentence in printed("policy", "show", name) for sentence in told["sentences"])


def test_a_shown_policy_scales():
    assert "epochs in the phase >= 3" in printed("policy", "show", "warm-darts", "--epochs", 10)


def test_a_name_with_markup_is_shown_as_it_is(tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text(
        'epochs = 2\n[[phase]]\nname = "[red]a[/red]"\nalphas = "frozen"\n'
        'until = [{ trigger = "epochs", at_least = 2 }]\n'
    )
    assert "─ [red]a[/red] ─" in invoke("policy", "show", path).output


def test_a_new_policy_is_valid_and_names_everything(tmp_path):
    path = tmp_path / "mine.toml"
    assert f"swarmnas policy show {path}" in printed("policy", "new", path)
    text = path.read_text(encoding="utf-8")
    assert invoke("policy", "new").output == text
    assert load_policy(path).phases[-1].back_to
    for word in {*Phase.model_fields, *Policy.model_fields, *triggers} - {"name", "phases"}:
        assert word in text, word
    for number, line in enumerate(text.splitlines()):
        if not line.startswith("#:"):
            continue
        lines = text.splitlines()
        lines[number] = line.removeprefix("#:")
        with contextlib.suppress(SettingNeedsMore):
            parse("\n".join(lines))


class SettingNeedsMore(Exception):
    """The line is right, and says what it needs beside it."""


def parse(text):
    try:
        return parse_policy(text, source="mine.toml")
    except DocumentError as error:
        if "applies only where" in str(error):
            raise SettingNeedsMore from error
        raise


def test_a_new_policy_overwrites_nothing(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    result = invoke("policy", "new", path)
    assert isinstance(result.exception, SettingError)
    assert path.read_text() == "mine"
    assert isinstance(invoke("policy", "new", tmp_path / "no" / "x.toml").exception, SettingError)


def test_the_runs_own_policy_decides_as_the_run_did(run):
    output = printed("policy", "simulate", "g-icso-nas", "--history", run)
    assert "scaled from 50 planned epochs to 8" in output
    assert output.endswith("These are the run's own decisions.")
    told = json.loads(invoke("policy", "simulate", "g-icso-nas", "--history", run, "--json").output)
    recorded = [r for r in RunDirectory.open(run).history() if r["kind"] == "decision"]
    for decision, record in zip(told["decisions"], recorded[1:], strict=True):
        assert decision == {key: record[key] for key in decision}
    assert told["same_as_the_run"]


def test_another_policy_says_when_it_would_have_switched(run):
    output = printed("policy", "simulate", "warm-darts", "--history", run)
    assert "'warm-up' ends, 'search' begins: epochs in the phase 2 >= 2" in output
    assert output.endswith("The run itself decided otherwise.")
    output = printed("policy", "simulate", "darts-es", "--history", run)
    assert "no readings for: hessian-eigenvalue" in output
    output = printed("policy", "simulate", "darts", "--history", run, "--epochs", 50)
    assert "goes on: epochs in the phase" in output


def test_an_explanation_can_be_followed_without_the_code(run):
    output = printed("explain", run)
    switches = json.loads(invoke("explain", run, "--json").output)
    assert [switch["target"] for switch in switches] == ["exploration", "stability", None]
    for switch in switches:
        assert f"after epoch {switch['epoch']}: {switch['reason']}" in output
        for label, values in switch["readings"].items():
            assert f"{label}: {', '.join(f'{value:.4g}' for value in values)}" in output
        for side in ("easier", "harder"):
            other = switch[side]
            when = f"fired after epoch {other['epoch']}" if other["epoch"] else "fired by then"
            assert f"{other['condition']}: would" in output
            assert when in output
    first = switches[0]
    assert first["easier"]["epoch"] == first["epoch"] - 1
    assert first["harder"]["epoch"] is None
    lines = invoke("explain", run, "--readings", 1).output
    assert "epochs in the phase: 2\n" in lines


def test_an_unfinished_search_says_what_it_waits_for(run, tmp_path):
    copy = RunDirectory.create(tmp_path / "copy", config=RunDirectory.open(run).config)
    for record in RunDirectory.open(run).history()[:7]:
        copy.append(record)
    assert "'exploration' goes on: swarm diversity" in printed("explain", copy.path)


def test_only_a_search_with_an_epoch_is_explained(tmp_path):
    empty = RunDirectory.create(tmp_path / "empty", config={"policy": {"name": "x"}})
    other = RunDirectory.create(tmp_path / "other", config={"bench": {}})
    for path, error in ((tmp_path, RunError), (other.path, RunError), (empty.path, SwarmNASError)):
        assert isinstance(invoke("explain", path).exception, error)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (('"diversity"', '"divresity"'), DocumentError, r"line \d+: .*Did you mean 'diversity'"),
        (("images = 64", "image = 64"), DocumentError, r"line \d+: .*Did you mean 'images'"),
        (("max_epochs = 75", "max_epochs = 9"), DocumentError, "can never be reached"),
        (
            (
                '#: { trigger = "skip-count", at_least',
                '{ trigger = "skip-count", cell = "x", at_least',
            ),
            SettingError,
            "cell of nasbench201: unknown name 'x'",
        ),
    ],
)
def test_a_policy_that_cannot_work_is_refused_by_the_search(
    tmp_path, monkeypatch, change, error, message
):
    monkeypatch.chdir(tmp_path)
    text = invoke("policy", "new").output
    assert change[0] in text
    (tmp_path / "mine.toml").write_text(text.replace(*change), encoding="utf-8")
    result = invoke("search", "--policy", "mine.toml", "--train-images", 80)
    assert isinstance(result.exception, error)
    with pytest.raises(error, match=message):
        raise result.exception
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_a_roll_back_further_than_what_is_kept_is_refused_by_the_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = invoke("policy", "new").output
    text = text.replace("#: keep_epochs = 13", "keep_epochs = 1").replace(
        '#: { trigger = "hessian-eigenvalue", above = 1.3 },', '{ trigger = "hessian-eigenvalue" },'
    )
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    result = invoke("search", "--policy", "mine.toml")
    assert isinstance(result.exception, DocumentError)
    assert "expected at least 13, which is how far 'hessian-eigenvalue'" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_an_unknown_policy_has_a_nearest_name():
    result = invoke("policy", "show", "g-icso")
    assert isinstance(result.exception, UnknownNameError)
    assert "Did you mean 'g-icso-nas'" in str(result.exception)
