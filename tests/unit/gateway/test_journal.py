"""The usage journal on disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from inferloop_runtime.errors import SettingsError
from inferloop_runtime.gateway.journal import Journal


def lines_of(journal: Journal) -> list[bytes]:
    found: list[bytes] = []
    while (batch := journal.read()) is not None:
        found += batch.lines
        journal.confirm(batch)
    return found


def test_what_was_appended_is_read_in_order_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=10_000)
    for number in range(10):
        assert journal.append(b"%d\n" % number)
    assert lines_of(journal) == [b"%d" % number for number in range(10)]
    assert journal.read() is None
    assert journal.backlog_bytes == 0
    journal.close()


def test_what_was_not_confirmed_is_there_after_a_crash(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from inferloop_runtime.gateway.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), max_bytes=10000)\n"
        "[journal.append(b'%d\\n' % n) for n in range(5)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    journal = Journal(tmp_path, max_bytes=10_000)
    journal.append(b"new\n")
    assert lines_of(journal) == [b"0", b"1", b"2", b"3", b"4", b"new"]
    journal.close()


def test_a_torn_last_record_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "usage-000000000001.jsonl").write_bytes(b"whole\nto")
    (tmp_path / "usage-000000000002.jsonl").write_bytes(b"torn alone")
    journal = Journal(tmp_path, max_bytes=10_000)
    journal.append(b"new\n")
    assert lines_of(journal) == [b"whole", b"new"]
    journal.close()


def test_segments_are_deleted_once_all_of_them_is_confirmed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=100_000, segment_bytes=50)
    for number in range(40):
        journal.append(b"record %06d\n" % number)
    assert len(list(tmp_path.glob("usage-*"))) > 5
    assert len(lines_of(journal)) == 40
    assert len(list(tmp_path.glob("usage-*"))) <= 1
    journal.close()
    assert list(tmp_path.glob("usage-*")) == []


def test_a_segment_stays_while_part_of_it_is_not_confirmed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=10_000)
    journal.append(b"one\n")
    batch = journal.read()
    journal.append(b"two\n")
    assert batch is not None
    journal.confirm(batch)
    journal.close()
    again = Journal(tmp_path, max_bytes=10_000)
    assert b"two" in lines_of(again)
    again.close()


def test_a_second_owner_of_the_folder_is_refused_with_the_first_ones_process_id(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=10_000)
    with pytest.raises(SettingsError, match=f"process {os.getpid()}.*journal_dir"):
        Journal(tmp_path, max_bytes=10_000)
    journal.close()
    Journal(tmp_path, max_bytes=10_000).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="journal_dir"):
        Journal(tmp_path / "file" / "journal", max_bytes=10_000)


def test_records_beyond_the_bound_are_dropped_and_counted_until_there_is_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=20, segment_bytes=10)
    assert journal.append(b"0123456789\n")
    assert not journal.append(b"0123456789\n")
    assert journal.dropped == 1
    assert not journal.writable
    assert lines_of(journal) == [b"0123456789"]
    assert journal.append(b"0123456789\n")
    assert journal.writable
    journal.close()
    assert not journal.append(b"late\n")


def test_a_full_disk_drops_the_record_and_leaves_no_half_of_it() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), max_bytes=10_000)
        journal.append(b"kept\n")
        descriptor = journal._file
        assert descriptor is not None
        good = os.dup(descriptor)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, descriptor)
        assert not journal.append(b"lost\n")
        assert "No space" in (journal.problem or "")
        os.dup2(good, descriptor)
        assert journal.append(b"kept too\n")
        assert lines_of(journal) == [b"kept", b"kept too"]
        journal.close()
        for number in (good, full):
            os.close(number)


def test_sync_marks_the_journal_as_safe(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=10_000)
    assert not journal.needs_sync
    journal.append(b"one\n")
    assert journal.needs_sync
    journal.sync()
    assert not journal.needs_sync
    journal.close()
