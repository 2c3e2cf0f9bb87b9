"""Tables: read, looked up, written; torn and hostile files."""

import gzip
import os

import numpy as np
import pytest

from swarmnas.errors import DataError, UnknownNameError
from swarmnas.problems import Table, table
from tests.shared_data import shared_file

TEXT = """index,arch,c10_valid_200,c10_test_200,c10_params,latency_test
4,|a~0|,90.5,91.25,1000,3
7,|b~0|, 80 ,81,2000,4
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT + "\n"])
def test_reads_whatever_columns_are_there(write, name, text):
    found = Table.read(write(text, name))
    assert len(found) == 2
    assert found.archs == ("|a~0|", "|b~0|")
    assert found.columns() == ("index", "c10_valid_200", "c10_params")
    assert found.validation_columns == ("c10_valid_200",)
    assert found.test_columns == ("c10_test_200", "latency_test")
    assert found.column("c10_valid_200").tolist() == [90.5, 80.0]
    assert "|a~0|" in found
    assert "|c~0|" not in found


def test_lookup_hides_the_test_columns(write):
    found = Table.read(write(TEXT))
    assert found.lookup(" |b~0|\n") == {"index": 7, "c10_valid_200": 80, "c10_params": 2000}
    assert found.lookup("|a~0|", reveal_test=True)["c10_test_200"] == 91.25
    assert found.row_of("|b~0|") == 1


def test_unknown_cells_and_columns_say_what_to_do(write):
    found = Table.read(write(TEXT))
    with pytest.raises(UnknownNameError, match=r"one of its 2 cells; got '\|z~0\|'.*\|a~0\|"):
        found.lookup("|z~0|")
    with pytest.raises(UnknownNameError, match="Did you mean 'c10_valid_200'"):
        found.column("c10_valid_20")


def test_columns_are_read_only(write):
    column = Table.read(write(TEXT)).column("index")
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_what_is_written_reads_back(write, tmp_path, name):
    found = Table.read(write(TEXT))
    found.write(tmp_path / name)
    first = (tmp_path / name).read_bytes()
    again = Table.read(tmp_path / name)
    assert again.archs == found.archs
    for column in found.columns(reveal_test=True):
        assert np.array_equal(again.column(column), found.column(column))
    again.write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "table.csv"])


def test_a_write_that_fails_leaves_the_old_file(write, tmp_path, monkeypatch):
    path = write(TEXT)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match="No space left on device"):
        Table(["x"], {"index": [0]}).write(path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: .*'arch' among them; got an empty file"),
        ("index,cell\n1,a\n", "line 1: .*'arch' among them; got index, cell"),
        ("arch,x,x\na,1,2\n", "line 1: .*each once"),
        ("arch,x\n", "expected one architecture or more; got none"),
        ("arch,x\na,1\nb,high\n", "line 3, column 'x': expected a number; got 'high'"),
        ("arch,x\na,1\nb,\n", "line 3, column 'x': expected a number; got ''"),
        ("arch,x\na,1\n\nb,nan\n", "line 4, column 'x': expected a number; got 'nan'"),
        ("arch,x,y\na,1,2\nb,1,-inf\n", "line 3, column 'y': expected a number; got '-inf'"),
        ("arch,x\na,1\nb\n", "line 3: expected 2 cells; got 1"),
        ("arch,x\na,1\na,2\n", "line 3, column 'arch': .* got a, as in line 2"),
        ("arch,x\n ,1\n", "line 2, column 'arch': .* got nothing"),
        ('arch,x\n"a,1\n', "line 2: expected comma-separated cells"),
        (b"arch,x\n\xff,1\n", "expected UTF-8 text"),
        ("arch,x\n" + "a" * 200_000, "line 2: expected at most 100,000 characters"),
        ("arch," + ",".join(f"x{n}" for n in range(2000)), "at most 1000 column names"),
    ],
)
def test_a_table_that_is_none_says_where(write, text, message):
    for name in ("table.csv", "table.csv.gz"):
        with pytest.raises(DataError, match=message):
            Table.read(write(text, name))


def test_torn_and_missing_files(write, tmp_path):
    whole = write(TEXT, "table.csv.gz")
    data = whole.read_bytes()
    for torn in (data[:-9], data[:30], b"\x1f\x8b", b"not gzip", data[:20] + b"\0" * 9 + data[29:]):
        whole.write_bytes(torn)
        with pytest.raises(DataError, match="whole gzip file; got a torn one"):
            Table.read(whole)
    with pytest.raises(DataError, match="No such file"):
        Table.read(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="Is a directory"):
        Table.read(tmp_path / "folder.csv")
    with pytest.raises(DataError, match=r"a name in \.csv or \.csv\.gz"):
        Table.read(tmp_path / "table.pkl")
    with pytest.raises(DataError, match="expected an existing folder"):
        Table(["x"], {"index": [0]}).write(tmp_path / "none" / "out.csv")


def test_a_file_that_unpacks_to_too_much_is_refused(write, monkeypatch):
    monkeypatch.setattr(table, "MAX_BYTES", 500)
    path = write("arch,x\n" + "".join(f"a{n},1\n" for n in range(100)), "bomb.csv.gz")
    with pytest.raises(DataError, match="500 bytes in all; got more"):
        Table.read(path)


def test_columns_given_as_arrays_are_checked():
    with pytest.raises(DataError, match="every cell once; got a twice"):
        Table(["a", "b", "a"], {})
    with pytest.raises(DataError, match="column 'x': expected 2 finite numbers"):
        Table(["a", "b"], {"x": [1.0]})
    with pytest.raises(DataError, match="column 'x': expected 2 finite numbers"):
        Table(["a", "b"], {"x": [1.0, np.nan]})


def test_the_published_table():
    found = Table.read(shared_file("nasbench201_cifar10.csv.gz"))
    assert len(found) == 15_625
    best = found.archs[int(np.argmax(found.column("cifar10_test_200")))]
    assert best == (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    )
    assert found.lookup(best)["cifar10_valid_200"] == 91.6067
    assert found.lookup(best)["cifar10_params"] == 1_073_466
    assert not any("test" in name for name in found.lookup(best))
