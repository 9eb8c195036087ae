"""An installation whose dbt project is a few files: what a build does with any project."""

import shutil
from pathlib import Path

from rapport.build.project import parse_if_changed
from rapport.settings import PROJECT_DIR, Settings


def settings_of(folder: Path, threads: int = 2) -> Settings:
    """Settings of an installation in a folder, with a project of its own."""
    return Settings(
        home=folder / "home",
        project_dir=folder / "project",
        company="own",
        schedule=None,
        keep_releases=7,
        memory_limit="1GB",
        threads=threads,
    )


def write_project(folder: Path, files: dict[str, str]) -> None:
    """Write the project's files, by their path in it, and have dbt parse them."""
    project = folder / "project" / "dbt_project"
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(PROJECT_DIR / "dbt_project" / "profiles.yml", project)
    parse_if_changed(project)
