"""The pages: their Python runs, their commands exist, their links lead somewhere."""

import re
import sys
import tomllib
import types

import pytest
from typer.main import get_command

from swarmnas.errors import MissingDependencyError
from swarmnas.phases import parse_policy
from swarmnas_cli.main import app
from tests.docs.pages import (
    NOT_RUN,
    PAGES,
    PROGRAMS,
    ROOT,
    SHELL,
    WALKED,
    blocks,
    fenced,
    left_out,
    name,
    python_blocks,
    shell_commands,
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_spelled_as_they_exist(page):
    for line in shell_commands(page):
        words = line.split()
        if words[0] != "swarmnas":
            continue
        command = get_command(app)
        for word in words[1:]:
            if not word.startswith("-") and hasattr(command, "commands"):
                assert word in command.commands, line
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        flags = {word for word in words if word.startswith("--")}
        assert flags <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_scripts_take_the_flags_that_the_page_gives(page):
    for line in shell_commands(page):
        for script, flags in re.findall(r"python (perf/\S+\.py)(.*)", line):
            source = (ROOT / script).read_text(encoding="utf-8")
            for flag in re.findall(r"--([a-z-]+)", flags):
                assert re.search(f'"(--)?{flag}"', source), line


WITH_PYTHON = [page for page in PAGES if any(not walk for _, walk, _ in python_blocks(page))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_on_the_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # where a page registers its plug-ins
    absent = []
    for code, walk, shown in python_blocks(page):
        if walk:  # needs what the commands on its page leave behind, or is a program: test_walk.py
            continue
        try:
            exec(compile(code, str(page), "exec"), vars(module))
        except (MissingDependencyError, ModuleNotFoundError) as missing:
            absent.append(str(missing))
        printed = capsys.readouterr().out
        assert shown is None or printed == shown
    if absent:
        pytest.skip(f"all else ran, but extras are not installed: {', '.join(absent)}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_toml_on_the_page_is_valid(page):
    for block in blocks(page, "toml"):
        document = tomllib.loads(block)
        assert "phase" not in document or parse_policy(block, source=page.name).phases


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_code_is_run(page):
    text = page.read_text(encoding="utf-8")
    found = fenced(page)
    assert len(re.findall(r"^\s*(?:```|~~~)", text, flags=re.M)) == 2 * len(found)
    assert {language for language, _ in found} <= {*SHELL, "python", "toml", "text", "bibtex"}
    programs = [code for code, waits, _ in python_blocks(page) if waits]
    assert not programs or page in WALKED or name(page) in PROGRAMS
    for code in blocks(page, "text"):  # what is not run must not look as if it were
        assert not re.search(r"^(\$|swarmnas|python|make|import) ", code, flags=re.M)


def test_what_no_test_runs_is_on_a_page():
    left = {left_out(page, step) for page in PAGES for step in shell_commands(page)}
    assert set(NOT_RUN) <= left
    assert {name(page) for page in PAGES} >= set(PROGRAMS)


def test_the_readme_leads_to_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md")]
    assert [page for page in pages if f"]({page})" not in readme] == []


def test_the_readme_minimises(capsys):
    for block in blocks(ROOT / "README.md", "python"):
        exec(block, {})
    assert float(capsys.readouterr().out.split()[0]) < 1


def test_the_readme_names_the_two_commands_and_so_does_the_makefile():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for command in ("search", "test"):
        assert f"make {command}" in readme
        assert command in targets
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"].removeprefix(">=") in readme
