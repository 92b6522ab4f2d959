"""The trial table has the columns, order and types that earlier versions wrote."""

import math
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.metric import METRIC_COLUMNS
from sweep.sources.csv_parquet import as_exported
from sweep.sources.formats import open_source, read
from sweep.sources.mapping import Mapping
from sweep.workspace.trial_table import COLUMN_NAMES, COLUMNS, write_table

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
PUBLISHED = sorted((ROOT / "docs" / "results").glob("*/trials.csv"))


def as_read(path: Path) -> pd.DataFrame:
    return as_exported(open_source(str(path)))


def test_every_column_says_what_it_means():
    assert len(set(COLUMN_NAMES)) == len(COLUMNS) == 19
    assert all(column.meaning for column in COLUMNS)
    assert [column.unit for column in COLUMNS if column.name.endswith("_err")] == ["%", "%"]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_a_published_table_is_written_again_to_the_last_byte(path, tmp_path):
    write_table(as_read(path), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()
    columns = path.read_text().splitlines()[0].split(",")
    assert columns[: len(COLUMN_NAMES)] == list(COLUMN_NAMES)
    further = set(columns[len(COLUMN_NAMES) :]) - set(METRIC_COLUMNS)
    assert all(column.startswith(("hp.", "u.")) for column in further)


def test_what_was_reported_beside_the_metric_is_written_again(tmp_path):
    table = pd.read_csv(PUBLISHED[0]).assign(top5_err=1.25, val_loss=0.1)
    table.to_csv(tmp_path / "more.csv", index=False)
    write_table(as_read(tmp_path / "more.csv"), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "more.csv").read_bytes()


def test_a_parquet_file_has_the_schema_and_values_that_the_version_before_wrote(tmp_path):
    write_table(as_read(DATA / "earlier_version" / "table.csv"), tmp_path / "again.parquet")
    assert_same(tmp_path / "again.parquet", DATA / "trial_tables" / "exported.parquet")


def test_an_imported_table_has_the_schema_and_values_that_the_version_before_gave_it(tmp_path):
    """Its trials have no seed: the column is one of whole numbers that may be missing."""
    mapping = Mapping(nan="diverged", columns={"weight_decay": "wd"})
    table = read([str(DATA / "trial_tables" / "foreign.csv")], mapping).table
    assert str(table["seed"].dtype) == "Int64"
    assert table["top1_err"].tolist() == [12.5, 100.0, 11.0]
    keys = [key.rsplit("/")[-1] for key in table["key"]]
    sweeps = table["sweep"] + "-unknown"  # what is not known was part of a name
    write_table(table.assign(key=keys, sweep=sweeps), tmp_path / "again.parquet")
    assert_same(tmp_path / "again.parquet", DATA / "trial_tables" / "imported.parquet")


def test_a_table_from_before_repeats_reads_as_one_without(tmp_path):
    published = pd.read_csv(ROOT / "docs" / "demo" / "trials.csv", dtype=str)
    before = published[published["repeat"] == "0"].drop(columns="repeat")
    before.to_csv(tmp_path / "before.csv", index=False)
    table = as_read(tmp_path / "before.csv")
    assert set(table["repeat"]) == {0}
    assert math.isnan(table.loc[table["role"] == "optimum", "u_lr"].iloc[0])


def assert_same(path: Path, other: Path) -> None:
    one, two = pq.read_table(path), pq.read_table(other)
    assert one.schema.equals(two.schema, check_metadata=True)
    assert one.equals(two)
