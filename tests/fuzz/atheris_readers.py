"""Fuzz one reader for as long as you like, guided by coverage (atheris; Linux, macOS).

    pip install atheris
    python tests/fuzz/atheris_readers.py policy -runs=100000 corpus/
    python tests/fuzz/atheris_readers.py --list

What follows the reader's name goes to libFuzzer: ``-max_total_time=3600``, a folder that keeps the
inputs that reached new code, and so on. An exception that is not ours ends the run and its input
stays behind as ``crash-...``; ``python tests/fuzz/atheris_readers.py policy crash-...`` repeats it.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["swarmnas"]):
    from readers import READERS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        sys.exit(f"usage: {sys.argv[0]} READER [libFuzzer's arguments]; {', '.join(READERS)}")
    reader = READERS[sys.argv[1]]
    arguments = [sys.argv[0], *sys.argv[2:]]
    with reader.home() as home, tempfile.TemporaryDirectory() as seeds:
        for number, example in enumerate(reader.examples()):
            (Path(seeds) / str(number)).write_bytes(example)
        if not any(Path(word).is_file() for word in sys.argv[2:]):
            arguments.append(seeds)
        atheris.Setup(arguments, lambda content: reader.put(home, content))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
