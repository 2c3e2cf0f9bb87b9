"""The pages: their Python runs, their commands exist, their links lead somewhere."""

import re
import sys
import tomllib
import types

import pytest
from typer.main import get_command

from swarmnas.errors import MissingDependencyError
from swarmnas_cli.main import app
from tests.docs.pages import PAGES, ROOT, blocks, python_blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_spelled_as_they_exist(page):
    for block in [*blocks(page, "console"), *blocks(page, "sh")]:
        for line in block.replace("\\\n", " ").splitlines():
            words = line.split("#")[0].removeprefix("$ ").split()
            if not words or words[0] != "swarmnas":
                continue
            command = get_command(app)
            for word in words[1:]:
                if not word.startswith("-") and hasattr(command, "commands"):
                    assert word in command.commands, line
                    command = command.commands[word]
            known = {option for parameter in command.params for option in parameter.opts}
            flags = {word for word in words if word.startswith("--")}
            assert flags <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_scripts_take_the_flags_that_the_page_gives(page):
    for block in [*blocks(page, "console"), *blocks(page, "sh")]:
        for script, line in re.findall(r"python (\S+\.py)(.*)", block.replace("\\\n", " ")):
            if script.startswith("perf/"):
                source = (ROOT / script).read_text(encoding="utf-8")
                for flag in re.findall(r"--([a-z-]+)", line):
                    assert re.search(f'"(--)?{flag}"', source), line


WITH_PYTHON = [page for page in PAGES if any(not walk for _, walk, _ in python_blocks(page))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_toml_on_the_page_is_toml(page):
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


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
