"""docs/mappings.md says which mappings ship and onto which streams, as they are."""

import re

import pytest
import yaml

from rapport.settings import PROJECT_DIR
from rapport.sources.mapped.declaration import SHIPPED, read_source

MAPPINGS = sorted(SHIPPED.glob("*.yml"))
EXPORTS = PROJECT_DIR / "tests" / "fixtures" / "exports"


def rows() -> dict[str, tuple[str, str]]:
    page = (PROJECT_DIR / "docs" / "mappings.md").read_text()
    return {
        name: (kind, streams)
        for name, kind, streams in re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]+) \|", page, re.M)
    }


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_a_mapping_is_used_by_two_lines_and_stands_on_the_page(path, tmp_path):
    kind = yaml.safe_load(path.read_text())["kind"]
    (tmp_path / "sources").mkdir()
    own = tmp_path / "sources" / "mine.yml"
    own.write_text(f"uses: {path.stem}\n" + ("path: exports\n" if kind == "files" else ""))
    source = read_source(own, tmp_path, PROJECT_DIR / "dbt_project")
    streams = sorted({each["stream"] for each in source.variables()})
    assert rows()[path.stem] == (kind, ", ".join(streams))


def test_the_page_names_no_other_and_each_has_its_export_beside_what_comes_of_it():
    names = [path.stem for path in MAPPINGS]
    assert sorted(rows()) == names
    assert [name for name in names if not (EXPORTS / name / "expected.yml").exists()] == []
