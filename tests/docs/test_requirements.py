"""docs/requirements.md says what is met and where; it must be so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.requirements_page import find_faults, read_marks, read_rows

ROOT = Path(__file__).resolve().parents[2]

HEAD = "| id | requirement | status | module | test |\n|---|---|---|---|---|\n"


def test_the_page_and_the_marks_agree() -> None:
    faults = find_faults(ROOT)
    assert not faults, "\n" + "\n".join(faults)


def test_the_page_has_every_kind_of_row() -> None:
    rows = read_rows((ROOT / "docs/requirements.md").read_text(encoding="utf-8"))
    assert {row.id[0] for row in rows} == {"R", "A", "D", "P", "U"}
    assert len(rows) == 60


def checkout(root: Path, rows: str, mark: str) -> Path:
    for path, text in {
        "docs/requirements.md": HEAD + rows,
        "src/stretto/core/gate/scoring.py": "",
        "tests/unit/test_scoring.py": f'@pytest.mark.requirement("{mark}")\ndef test_f(): ...\n',
    }.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("rows", "mark", "fault"),
    [
        ("| R1 | x | open | – | – |\n", "R2", "marks R2, which has no row"),
        ("| R1 | x | done | – | – |\n", "R1", "is done but names no module or no test"),
        ("| R1 | x | done | `core/gate/scoring.py` | – |\n", "R1", "is done but names"),
        ("| R1 | x | soon | – | – |\n", "R1", "not open or done"),
        ("| R1 | x | open | `core/gone.py` | – |\n", "R1", "there is no module core/gone.py"),
        ("| R1 | x | open | – | `unit/gone.py` |\n", "R1", "tests/unit/gone.py does not mark it"),
        (
            "| R1 | x | open | – | – |\n"
            "| R2 | x | done | `core/gate/scoring.py` | `unit/test_scoring.py` |\n",
            "R1",
            "R2: tests/unit/test_scoring.py does not mark it",
        ),
        ("| R1 | x | open | – | – |\n| R1 | y | open | – | – |\n", "R1", "R1: has two rows"),
    ],
)
def test_a_planted_disagreement_is_found(tmp_path: Path, rows: str, mark: str, fault: str) -> None:
    (found,) = find_faults(checkout(tmp_path, rows, mark))
    assert fault in found


def test_an_agreeing_page_passes(tmp_path: Path) -> None:
    rows = "| R1 | x | done | `core/gate/scoring.py` | `unit/test_scoring.py` |\n"
    assert find_faults(checkout(tmp_path, rows, "R1")) == []


def test_marks_are_read_wherever_they_stand() -> None:
    source = 'pytestmark = [pytest.mark.requirement("R1")]\nX = pytest.mark.requirement(NAME)\n'
    assert sorted(read_marks(source)) == ["NAME", "R1"]


def test_a_broken_row_is_refused() -> None:
    with pytest.raises(ValueError, match="not five cells"):
        read_rows(HEAD + "| R1 | open |\n")
