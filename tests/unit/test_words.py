"""Words that people read: a customer is `they`; the README says what each table answers."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DBT = ROOT / "dbt_project"
PRONOUN = re.compile(r"\b(she|her|hers|herself|he|him|his|himself)\b", re.IGNORECASE)
RELEASED = sorted(
    path
    for folder in ("marts", "segments")
    for path in (DBT / "models" / folder).rglob("*")
    if path.suffix in {".yml", ".md", ".sql"} and "unit_tests" not in path.name
)
# The page, the messages of the gate and of the commands, documents.
WRITTEN = sorted(
    path
    for place in ("plugins/rapport", "expectations", "docs", "dbt_project/seeds")
    for path in (ROOT / place).rglob("*")
    if path.suffix in {".py", ".jinja", ".yml", ".md"}
)


def said(path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if PRONOUN.search(line)
    ]


@pytest.mark.parametrize("paths", [RELEASED, WRITTEN], ids=["released", "written"])
def test_a_customer_is_they(paths):
    assert len(paths) > 20
    assert [line for path in paths for line in said(path)] == []


def test_the_readme_and_the_descriptions_of_columns_say_they():
    paths = [ROOT / "README.md", DBT / "models" / "_columns__docs.md", DBT / "dbt_project.yml"]
    assert [line for path in paths for line in said(path)] == []


def tables() -> set[str]:
    """Every table of marts and segments, as readers name it."""
    names = set()
    for path in RELEASED:
        if path.suffix == ".sql" and not path.stem.startswith(("int_", "seg_")):
            schema = "segments" if path.parent.name == "segments" else "marts"
            names.add(f"{schema}.{path.stem}")
    return names


def test_the_readme_says_of_each_table_what_a_row_is_and_two_questions_that_it_answers():
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `((?:marts|segments)\.\w+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert {name for name, _, _ in rows} == tables()
    assert [name for name, _, questions in rows if questions.count("?") < 2] == []
