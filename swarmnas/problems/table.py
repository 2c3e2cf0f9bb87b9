"""Tables of trained architectures: one row a cell, columns ``{dataset}_{split}_{epochs}``."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
from numpy.typing import NDArray

from swarmnas.atomic import replace_file
from swarmnas.checks import explain, unknown_name
from swarmnas.errors import DataError, UnknownNameError

__all__ = ["Table"]

MAX_BYTES = 2**28
"""A table may not unpack to more; the NAS-Bench-201 one takes 2 MB."""

MAX_LINE = 100_000
"""Characters of one line."""

MAX_COLUMNS = 1_000

MAX_ROWS = 2_000_000
"""NAS-Bench-101 has 423,624."""

_METRIC = re.compile(r".+_(valid|test)_\d+")


class Table:
    """What is known of many architectures: an ``arch`` text and numbers for each.

    Columns named ``{dataset}_valid_{epochs}`` hold validation accuracies in percent and
    ``{dataset}_test_{epochs}`` test accuracies; ``{dataset}_params`` counts parameters and
    ``{dataset}_flops`` multiply-adds of one image, as the benchmarks count them. Whatever columns
    are there can be read. A column with ``test`` between underscores stays hidden unless
    ``reveal_test`` is set.

    Args:
        archs: The architectures as text, each once.
        values: Column name -> one finite number an architecture.
        source: What messages call the table.

    Raises:
        DataError: No rows, an architecture twice, or columns of another length or not numeric.

    Example:
        >>> table = Table(["|a~0|", "|b~0|"], {"c10_valid_12": [80.5, 70], "c10_test_12": [81, 71]})
        >>> table.lookup("|b~0|")
        {'c10_valid_12': 70.0}
        >>> table.lookup("|b~0|", reveal_test=True)
        {'c10_valid_12': 70.0, 'c10_test_12': 71.0}
    """

    def __init__(
        self,
        archs: Sequence[str],
        values: Mapping[str, Sequence[float] | NDArray[np.float64]],
        *,
        source: str = "table",
    ) -> None:
        self._source = source
        self._archs = tuple(archs)
        self._rows = {arch: row for row, arch in enumerate(self._archs)}
        if not self._archs:
            raise DataError(f"{source}: expected one architecture or more; got none. Is it whole?")
        if len(self._rows) < len(self._archs):
            first = next(a for row, a in enumerate(self._archs) if self._rows[a] != row)
            raise DataError(f"{source}: expected every cell once; got {first} twice. Drop one.")
        self._values: dict[str, NDArray[np.float64]] = {}
        for name, column in values.items():
            numbers = np.array(column, dtype=np.float64)
            if numbers.shape != (len(self._archs),) or not np.isfinite(numbers).all():
                raise DataError(
                    f"{source}: column {name!r}: expected {len(self._archs)} finite numbers; got "
                    f"shape {numbers.shape} or NaN. Mend the column."
                )
            numbers.flags.writeable = False
            self._values[name] = numbers

    @classmethod
    def read(cls, path: Path | str) -> Table:
        """Return the table of a ``.csv`` or ``.csv.gz`` file with a column ``arch``.

        Raises:
            DataError: The file is missing, torn, too large or no such table; the message names
                line and column.
        """
        path = Path(path)
        if not path.name.endswith((".csv", ".csv.gz")):
            raise DataError(f"{path}: expected a name in .csv or .csv.gz; got another. Rename it.")
        try:
            with _open(path) as stream:
                return _parse(stream, str(path))
        except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
            raise DataError(
                f"{path}: expected a whole gzip file; got a torn one ({cause}). Copy it again."
            ) from cause
        except OSError as cause:
            raise DataError(
                f"{path}: expected a readable file; got: {cause.strerror or cause}. Check the path."
            ) from cause
        except UnicodeDecodeError as cause:
            raise DataError(
                f"{path}: expected UTF-8 text; got other bytes. Is it the right file?"
            ) from cause

    def write(self, path: Path | str) -> None:
        """Write the table as ``.csv`` or ``.csv.gz``; the file appears whole or not at all.

        Raises:
            DataError: The name ends otherwise, or the file cannot be written.
        """
        path = check_writable(path)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        lead = [name for name in self._values if name == "index"]
        rest = [name for name in self._values if name != "index"]
        writer.writerow([*lead, "arch", *rest])
        columns = {name: map(_number, column.tolist()) for name, column in self._values.items()}
        ordered = [*(columns[name] for name in lead), self._archs, *(columns[n] for n in rest)]
        writer.writerows(zip(*ordered, strict=True))
        data = text.getvalue().encode()
        if path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        replace_file(path, data, error=DataError)

    @property
    def archs(self) -> tuple[str, ...]:
        """The architectures, in the order of the rows."""
        return self._archs

    def __len__(self) -> int:
        return len(self._archs)

    def __contains__(self, arch: object) -> bool:
        return arch in self._rows

    def columns(self, *, reveal_test: bool = False) -> tuple[str, ...]:
        """Return the names of the numeric columns, test columns only on demand."""
        return tuple(name for name in self._values if reveal_test or not _is_test(name))

    @property
    def validation_columns(self) -> tuple[str, ...]:
        """Names of the form ``{dataset}_valid_{epochs}``."""
        return tuple(name for name in self._values if _split_of(name) == "valid")

    @property
    def test_columns(self) -> tuple[str, ...]:
        """Names of the columns that are hidden unless ``reveal_test`` is set."""
        return tuple(name for name in self._values if _is_test(name))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a column, ``(len(table),)``, read-only, in the order of ``archs``.

        Raises:
            UnknownNameError: No such column.
        """
        if name not in self._values:
            raise UnknownNameError(unknown_name(f"{self._source}, column", name, self._values))
        return self._values[name]

    def row_of(self, arch: str) -> int:
        """Return the row of an architecture.

        Raises:
            UnknownNameError: The table has no such architecture.
        """
        row = self._rows.get(arch.strip())
        if row is None:
            got = repr(arch if len(arch) <= 200 else arch[:197] + "...")
            raise UnknownNameError(
                explain(
                    self._source,
                    f"one of its {len(self):,} cells",
                    got,
                    f"Spell it as the table does, for example {self._archs[0]}.",
                )
            )
        return row

    def lookup(self, arch: str, *, reveal_test: bool = False) -> dict[str, float]:
        """Return what the table holds for an architecture: column name -> number.

        Raises:
            UnknownNameError: The table has no such architecture.
        """
        row = self.row_of(arch)
        return {n: float(self._values[n][row]) for n in self.columns(reveal_test=reveal_test)}


def check_writable(path: Path | str) -> Path:
    """Return ``path`` if a table may be written there, before long work is done for it.

    Raises:
        DataError: The name ends in neither .csv nor .csv.gz, or its folder does not exist.
    """
    path = Path(path)
    if not path.name.endswith((".csv", ".csv.gz")):
        raise DataError(f"{path}: expected a name in .csv or .csv.gz; got another. Rename it.")
    if not path.parent.is_dir():
        raise DataError(
            f"{path}: expected an existing folder; got {path.parent}. Make it or choose another."
        )
    return path


def _split_of(name: str) -> str | None:
    match = _METRIC.fullmatch(name)
    return match[1] if match else None


def _is_test(name: str) -> bool:
    return "test" in name.lower().split("_")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _lines(stream: IO[bytes], source: str) -> Iterator[str]:
    """Yield the lines of a file, bounded in length and in all."""
    total, number = 0, 0
    while line := stream.readline(MAX_LINE + 1):
        total, number = total + len(line), number + 1
        if len(line) > MAX_LINE or total > MAX_BYTES:
            raise DataError(
                f"{source}, line {number}: expected at most {MAX_LINE:,} characters a line and "
                f"{MAX_BYTES:,} bytes in all; got more. Is it the right file?"
            )
        yield line.decode("utf-8-sig" if number == 1 else "utf-8")


def _parse(stream: IO[bytes], source: str) -> Table:
    reader = csv.reader(_lines(stream, source), strict=True)
    rows = _records(reader, source)
    header = [name.strip() for name in next(rows, [])]
    if "arch" not in header or len(set(header)) < len(header) or len(header) > MAX_COLUMNS:
        shown = ", ".join(header[:12]) or "an empty file"
        raise DataError(
            f"{source}, line 1: expected at most {MAX_COLUMNS} column names, each once, and 'arch' "
            f"among them; got {shown}. Name the columns in the first line."
        )
    place = header.index("arch")
    names = [name for name in header if name != "arch"]
    archs: dict[str, int] = {}
    numbers = {name: array("d") for name in names}
    appends = [numbers[name].append for name in names]
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(
                f"{source}, line {reader.line_num}: expected {len(header)} cells; got {len(row)}. "
                "Mend the line."
            )
        arch = row.pop(place).strip()
        if not arch or arch in archs:
            before = f"{arch}, as in line {archs[arch]}" if arch else "nothing"
            raise DataError(
                f"{source}, line {reader.line_num}, column 'arch': expected a cell that no other "
                f"line has; got {before}. Drop one."
            )
        archs[arch] = reader.line_num
        if len(archs) > MAX_ROWS:
            raise DataError(
                f"{source}: expected at most {MAX_ROWS:,} rows; got more. Is it the right file?"
            )
        try:
            for append, cell in zip(appends, row, strict=True):
                append(float(cell))
        except ValueError:
            _fail_number(row, names, f"{source}, line {reader.line_num}")
    for name, column in numbers.items():
        finite = np.isfinite(np.frombuffer(column)) if len(column) else np.array([], dtype=bool)
        if not finite.all():
            line = list(archs.values())[int(np.argmin(finite))]
            _fail_number([str(column[int(np.argmin(finite))])], [name], f"{source}, line {line}")
    return Table(
        list(archs), {name: np.array(column) for name, column in numbers.items()}, source=source
    )


def _records(reader: Iterable[list[str]], source: str) -> Iterator[list[str]]:
    rows = iter(reader)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as cause:
            line = getattr(reader, "line_num", 0)
            raise DataError(
                f"{source}, line {line}: expected comma-separated cells; got: {cause}. Mend it."
            ) from cause
        yield row


def _fail_number(row: Iterable[str], names: Iterable[str], where: str) -> NoReturn:
    for cell, name in zip(row, names, strict=True):
        try:
            finite = np.isfinite(float(cell))
        except ValueError:
            finite = False
        if not finite:
            got = repr(cell if len(cell) <= 40 else cell[:37] + "...")
            raise DataError(
                f"{where}, column {name!r}: expected a number; got {got}. Mend the cell."
            )
    raise AssertionError("a number that failed to parse was not found")
