"""The instruments that keep a service's writes waiting, and let its commits or its changes of one table fail."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab.grading.instruments.database import failing_commits, refusing_writes, tables, writing


def _service(path: Path, mode: str) -> sqlite3.Connection:
    made = sqlite3.connect(path, timeout=0, isolation_level=None)
    made.execute(f"PRAGMA journal_mode={mode}")
    made.execute("CREATE TABLE IF NOT EXISTS t (x)")
    return made


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_nothing_is_written_meanwhile_and_everything_read(tmp_path: Path, mode: str) -> None:
    with closing(_service(tmp_path / "s.db", mode)) as service:
        with writing(tmp_path / "s.db") as held:
            assert held is True
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                service.execute("INSERT INTO t VALUES (1)")
            assert service.execute("SELECT count(*) FROM t").fetchone() == (0,)
        service.execute("INSERT INTO t VALUES (1)")


def test_a_transaction_of_the_service_that_does_not_end_is_told(tmp_path: Path) -> None:
    with closing(_service(tmp_path / "s.db", "WAL")) as service:
        service.execute("BEGIN IMMEDIATE")
        with writing(tmp_path / "s.db", within=0.05) as held:
            assert held is False
        service.execute("ROLLBACK")


def test_data_that_are_elsewhere_are_none_of_ours(tmp_path: Path) -> None:
    with writing(tmp_path / "none.db") as held:
        assert held is None
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("a service that keeps its payments in a text file\n" * 100)
    with writing(tmp_path / "text.db") as held:
        assert held is None


def test_an_insert_goes_through_and_its_commit_fails(tmp_path: Path) -> None:
    with closing(_service(tmp_path / "s.db", "WAL")) as service:
        service.execute("PRAGMA foreign_keys=ON")
        with failing_commits(tmp_path / "s.db") as failing:
            assert failing
            service.execute("BEGIN")
            service.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(sqlite3.IntegrityError):
                service.execute("COMMIT")
            service.execute("ROLLBACK")
        service.execute("INSERT INTO t VALUES (2)")
        assert service.execute("SELECT x FROM t").fetchall() == [(2,)]
        assert service.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]


def test_whoever_does_not_enforce_foreign_keys_is_not_hit(tmp_path: Path) -> None:
    with closing(_service(tmp_path / "s.db", "WAL")) as service, failing_commits(tmp_path / "s.db"):
        service.execute("INSERT INTO t VALUES (1)")
        assert service.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_commits_fail_only_where_there_is_a_database(tmp_path: Path) -> None:
    with failing_commits(tmp_path / "none.db") as failing:
        assert not failing
    assert not (tmp_path / "none.db").exists()


def test_every_change_of_one_table_fails_and_of_no_other(tmp_path: Path) -> None:
    with closing(_service(tmp_path / "s.db", "WAL")) as service:
        service.execute("CREATE TABLE u (x)")
        service.execute("INSERT INTO t VALUES (1)")
        assert tables(tmp_path / "s.db") == ["t", "u"]
        with refusing_writes(tmp_path / "s.db", "t") as refusing:
            assert refusing
            for change in ("INSERT INTO t VALUES (2)", "UPDATE t SET x = 2", "DELETE FROM t"):
                with pytest.raises(sqlite3.IntegrityError, match="no writes for now"):
                    service.execute(change)
            service.execute("INSERT INTO u VALUES (1)")
        service.execute("UPDATE t SET x = 3")
        assert service.execute("SELECT x FROM t").fetchall() == [(3,)]
    assert tables(tmp_path / "none.db") == []
    with refusing_writes(tmp_path / "none.db", "t") as refusing:
        assert not refusing
