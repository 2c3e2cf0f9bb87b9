"""What a small hostile file may not do: fill the memory, hang, or leave its directory."""

import gzip
import io
import time
import zipfile

import numpy as np
import pytest

from swarmnas import documents
from swarmnas.checks import as_float
from swarmnas.errors import DataError, DocumentError, SettingError
from swarmnas.problems import Table, table
from swarmnas.runs import RunDirectory


@pytest.mark.parametrize("depth", [60, 67, 900, 100_000])
@pytest.mark.parametrize("form", ["{inner}", '{{"a": {inner}}}'])
def test_deep_json_is_refused(depth, form):
    text = form.format(inner="[" * depth + "]" * depth)
    if depth == 60:
        assert documents.parse_json(text, source="x")
        return
    with pytest.raises(DocumentError, match=r"levels|syntax error"):
        documents.parse_json(text, source="x")


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 50_000 + " = 1",
        '"a"' + " . 'b'" * 50_000 + " = 1",
        "[" + "a." * 50_000 + "a]",
        "x = " + "[" * 70 + "]" * 70,
        "x = " + "{a = " * 70 + "1" + "}" * 70,
        "x = " + "[" * 100_000,
    ],
    ids=["key", "quoted", "header", "lists", "tables", "torn"],
)
def test_deep_toml_is_refused_at_once(text):
    began = time.monotonic()
    with pytest.raises(DocumentError, match=r"levels|syntax error"):
        documents.parse_toml(text, source="x")
    assert time.monotonic() - began < 5


def test_texts_with_many_dots_and_long_words_are_read():
    text = f'a = "{"a.b, " * 1000}"\nb = "{"x" * 1_000_000}"\n{"c" * 60}.d.e = 1.5\n'
    assert documents.parse_toml(text, source="x")["c" * 60] == {"d": {"e": 1.5}}


@pytest.mark.parametrize("digits", ["9" * 41, "9" * 5000, "0x" + "f" * 9000])
def test_integers_that_no_message_could_print_are_refused(digits):
    with pytest.raises(DocumentError, match=r"digits|syntax error"):
        documents.parse_toml(f"x = {digits}", source="x")
    if digits[1] == "9":
        with pytest.raises(DocumentError, match=r"digits|syntax error"):
            documents.parse_json(f"[{digits}]", source="x")
    with pytest.raises(SettingError, match="finite number"):
        as_float("x", 10**400)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    pytest.importorskip("torch")
    from swarmnas import datasets

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (30_000, 100, 100)}
    )
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x_train.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        for _ in range(30):
            member.write(bytes(10_000_000))
    assert (tmp_path / "bomb.npz").stat().st_size < 400_000
    with pytest.raises(DataError, match="unpack to 300,000,000"):
        datasets.load(str(tmp_path / "bomb.npz"))


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    pytest.importorskip("torch")
    from swarmnas import datasets

    for split in ("train", "t10k"):
        labels = bytes((0, 0, 8, 1)) + np.array([2], ">u4").tobytes() + bytes(2)
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(labels)
        shape = np.array([2**16, 2**7, 2**8], ">u4").tobytes()
        bomb = gzip.compress(bytes((0, 0, 8, 3)) + shape + bytes(1000))
        (tmp_path / f"{split}-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(DataError, match="unpack to 2,147,483,648"):
        datasets.load(str(tmp_path))


def test_a_table_of_too_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 3)
    (tmp_path / "t.csv").write_text("arch,c_valid_1\n" + "".join(f"|{n}~0|,1\n" for n in range(4)))
    with pytest.raises(DataError, match="at most 3 rows"):
        Table.read(tmp_path / "t.csv")


def test_a_study_of_too_many_units_is_refused():
    from swarmnas.bench import Study

    study = {"problems": ["sphere"], "dims": [2], "optimizers": ["cso"], "seeds": 10**10}
    with pytest.raises(DocumentError, match="at most 10,000,000 units"):
        Study.from_mapping(study)


@pytest.mark.parametrize("name", ["../x.json", "/x.json", "a/b.json", "..json", "x.toml", ".json"])
def test_names_stay_within_the_run_directory(tmp_path, name):
    run = RunDirectory.create(tmp_path / "run", config={})
    with pytest.raises(SettingError, match="plain file name"):
        run.write_json(name, {})
