"""What the environment may say, and what it is told when it says nonsense."""

from datetime import UTC, date, datetime

import pytest

from rapport.errors import SettingsError
from rapport.settings import COMPANIES, PROJECT_DIR, Settings, cutoff_of


def test_a_night_ends_with_its_day():
    assert cutoff_of(date(2017, 12, 31)) == datetime(2018, 1, 1, tzinfo=UTC)


def test_all_state_is_below_one_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    settings = Settings.from_env()
    for path in (
        settings.landing_dir,
        settings.work_dir,
        settings.warehouse_path,
        settings.releases_dir,
        settings.data_docs_dir,
        settings.logs_dir,
        settings.airflow_home,
    ):
        assert path.is_relative_to(tmp_path)


def test_each_company_has_a_home_of_its_own(monkeypatch):
    monkeypatch.delenv("RAPPORT_HOME", raising=False)
    homes = {}
    for company in COMPANIES:
        monkeypatch.setenv("RAPPORT_COMPANY", company)
        homes[company] = Settings.from_env().home
    assert len(set(homes.values())) == len(COMPANIES)
    assert homes["complete-journey"] == PROJECT_DIR / "var"


@pytest.mark.parametrize("text", ["", "none", "None"])
def test_a_schedule_can_be_switched_off(monkeypatch, text):
    monkeypatch.setenv("RAPPORT_SCHEDULE", text)
    assert Settings.from_env().schedule is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAPPORT_KEEP_RELEASES", "0"),
        ("RAPPORT_KEEP_RELEASES", "many"),
        ("RAPPORT_THREADS", "-1"),
        ("RAPPORT_COMPANY", "acme"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_value(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} must be .*{value}"):
        Settings.from_env()
