"""Files are written whole or not at all, and a path that cannot be is a clear error."""

from pathlib import Path

import pytest

from polylib.errors import PolylibError
from polylib.files import atomic_path, whole_folder, write_text


def test_a_write_that_fails_leaves_the_older_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def half_write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_write()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_where_a_folder_should_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PolylibError, match="cannot be written"):
        write_text(tmp_path / "file" / "below" / "table.csv", "new")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new"
    left = tmp_path / ".new.part"  # what a killed writer left
    left.mkdir()
    (left / "half").write_text("")
    with pytest.raises(ZeroDivisionError), whole_folder(target) as staging:
        (staging / "one").write_bytes(bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []
    with whole_folder(target) as staging:
        (staging / "one").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["one"]
    with pytest.raises(PolylibError, match="cannot be written"), whole_folder(target) as staging:
        (staging / "two").write_text("2")
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "one"], "a folder that holds something stays"
