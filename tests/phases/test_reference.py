"""The reference page names everything that a policy document may hold."""

from pathlib import Path

import pytest

from swarmnas.phases import Phase, Policy, available, parse_policy, triggers

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policies.md"


@pytest.mark.parametrize(
    "name",
    sorted({*triggers, *available(), *Phase.model_fields, *Policy.model_fields}),
)
def test_the_page_names_it(name):
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_the_page_states_the_defaults():
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    stated = {row[0].strip("| `"): row[1].strip('"') for row in rows if len(row) == 4}
    for name, field in Phase.model_fields.items():
        if isinstance(field.default, str):
            assert stated[name] == field.default
        elif isinstance(field.default, int | float):
            assert float(stated[name]) == field.default


def test_the_pages_example_is_a_policy():
    text = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert [phase.name for phase in parse_policy(text, source="page").phases] == [
        "exploration",
        "stability",
    ]
