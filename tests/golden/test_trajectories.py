"""Every algorithm of ours still takes the steps that were recorded; see ``record.py``."""

import pytest

from tests.golden.record import FOLDER, KINDS, difference, here, ours, read, trajectory

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def test_every_optimizer_has_a_file_and_every_file_an_optimizer():
    files, names = set(NAMES), set(ours())
    assert not names - files, (
        f"no trajectory of {', '.join(sorted(names - files))}. "
        f"Record with: python -m tests.golden.record {' '.join(sorted(names - files))}"
    )
    assert not files - names, (
        f"no optimizer of ours has the file {', '.join(sorted(files - names))}. Delete it."
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_those_recorded(name, kind):
    recorded = read(name)
    off = difference(trajectory(name, KINDS[kind]), recorded[kind])
    if off:
        pytest.fail(
            f"{name}, {kind}, {off}.\nRecorded with {recorded['recorded']}, run with {here()}.\n"
            "If the change of the algorithm is meant, record anew and say why in the commit: "
            f"python -m tests.golden.record {name}",
            pytrace=False,
        )
