"""A plug-in that is broken ends a command with one line that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

PLUG_INS = {
    "optimizers": [
        "raising:Raising", "unmakeable:Unmakeable", "too-many:TooMany",
        "no-optimizer:NoOptimizer", "absent:Absent",
    ],
    "operations": ["wider:wider", "raising:raising", "no_module:no_module"],
    "spaces": [
        "with-wider:WITH_WIDER", "with-raising:WITH_RAISING", "with-no_module:WITH_NO_MODULE",
    ],
    "datasets": ["raising-data:raising_data", "no-data:no_data"],
    "policies": ["no-policy:no_data"],
    "triggers": ["broken:RaisingTrigger"],
    "problems": ["no-problem:no_problem"],
}  # fmt: skip
POLICY = """
epochs = 2
[[phase]]
name = "all"
alphas = "gradient"
until = [{ trigger = "broken", at_least = 2 }]
"""
TINY = "--train-images 40 --channels 2 --batch-size 20 --threads 1 --out RUN"
SWARM = f"--epochs 3 --population-size 4 {TINY}"
FAULTS = {
    f"search --optimizer raising {SWARM}": (
        "broken-swarms, broken_plug_ins.py, line 15: expected no error; got ZeroDivisionError: "
    ),
    f"search --optimizer unmakeable {SWARM}": "expected no error; got ValueError: no good. Mend",
    f"search --optimizer too-many {SWARM}": (
        "_propose: expected 1 to 4 rows of 30 numbers; got 1004 in rows of shape (4, 30). "
        "Mend broken_plug_ins.TooMany."
    ),
    f"search --optimizer no-optimizer {SWARM}": (
        "optimizer 'no-optimizer' of broken-swarms: expected Optimizer; got NoOptimizer. "
        "Mend broken_plug_ins:NoOptimizer or uninstall broken-swarms."
    ),
    f"search --optimizer absent {SWARM}": (
        "optimizer 'absent' of broken-swarms: expected broken_plug_ins:Absent; got AttributeError: "
    ),
    f"search --space with-wider {TINY}": (
        "operation 'wider' of broken-swarms: expected images of shape (20, 2, 8, 8) for such of "
        "(20, 2, 8, 8); got (20, 3, 8, 8)."
    ),
    f"search --space with-raising {TINY}": "expected no error; got ValueError: no good.",
    f"search --space with-no_module {TINY}": "expected torch.nn.Module; got builtin_function_or_me",
    f"search --dataset raising-data {TINY}": "expected no error; got ValueError: no good.",
    f"search --dataset no-data {TINY}": "of broken-swarms: expected Dataset; got NoneType.",
    f"search --policy no-policy {TINY}": "of broken-swarms: expected Policy; got function.",
    f"search --policy POLICY {TINY}": "expected no error; got KeyError: 'no good'.",
    "bench run --problems no-problem --dims 2 --optimizers cso --budget 40 --out RUN": (
        "problem 'no-problem' of broken-swarms: expected Problem; got int."
    ),
}
CHILD = """
import contextlib, io, json, shutil, sys
from swarmnas_cli.main import main

answers = {}
for command in json.loads(sys.argv[1]):
    shutil.rmtree("RUN", ignore_errors=True)
    sys.argv[1:] = command.replace("POLICY", "policy.toml").split()
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    except Exception as error:
        code = repr(error)
    answers[command] = [code, said.getvalue()]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    home = tmp_path_factory.mktemp("plug-ins")
    about = home / "broken_swarms-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-swarms\nVersion: 1.0\n")
    points = [
        f"[swarmnas.{group}]\n"
        + "".join("{} = broken_plug_ins:{}\n".format(*point.split(":")) for point in points)
        for group, points in PLUG_INS.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(points))
    (home / "policy.toml").write_text(POLICY)
    source = Path(__file__).with_name("broken_plug_ins.py")
    (home / source.name).write_bytes(source.read_bytes())
    paths = [str(home), *filter(None, [os.environ.get("PYTHONPATH")])]
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([*FAULTS])],
        cwd=home, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("command", FAULTS)
def test_a_broken_plug_in_is_answered_in_one_line(answers, command):
    code, said = answers[command]
    assert code == 2, (code, said)
    assert said.count("\n") == 1
    assert FAULTS[command] in said
