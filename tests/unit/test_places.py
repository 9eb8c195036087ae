"""What people and vendors call zones and countries."""

import pytest

from rapport.places.countries import country_codes, country_spellings
from rapport.places.zones import country_zones, zone_spellings


@pytest.fixture(scope="module")
def zones():
    return dict(zip(*zone_spellings().to_pydict().values(), strict=True))


@pytest.fixture(scope="module")
def countries():
    found: dict[str, set[str]] = {}
    for row in country_spellings().to_pylist():
        found.setdefault(row["spelling"], set()).add(row["country_code"])
    return found


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("america/port-au-prince", "America/Port-au-Prince"),
        ("us/east-indiana", "US/East-Indiana"),
        ("us/pacific-new", "America/Los_Angeles"),  # dropped in 2020, and still in vendors' lists
        ("iran", "Iran"),
        ("etc/gmt+5", "Etc/GMT+5"),
        ("etc/gmt-5", "Etc/GMT-5"),
        ("eastern_standard_time", "America/New_York"),
        ("se_asia_standard_time", "Asia/Bangkok"),
        ("central_standard_time_(mexico)", "America/Mexico_City"),
        ("utc-11", "Etc/GMT+11"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_is_known_by_every_name_it_has(zones, key, name):
    assert zones[key] == name


def test_keys_of_zones_are_lower_case_without_blanks(zones):
    assert [key for key in zones if key != key.lower() or " " in key] == []


def test_a_country_has_a_zone_where_all_its_clocks_agree():
    found = dict(zip(*country_zones().to_pydict().values(), strict=True))
    agreeing = {"DE": "Europe/Berlin", "VN": "Asia/Ho_Chi_Minh", "IR": "Asia/Tehran"}
    assert agreeing.items() <= found.items()
    # one zone for half a century, by two names
    assert found["MY"] == "Asia/Kuala_Lumpur"
    assert not {"US", "BR", "RU", "ES", "PT", "AU", "CA", "CN"} & set(found)


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("Vietnam", "VN"),
        ("Việt Nam", "VN"),
        ("Iran", "IR"),
        ("ایران", "IR"),
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("ドイツ", "DE"),
        ("United Kingdom", "GB"),
        ("USA", "US"),
        ("US", "US"),
        ("IRN", "IR"),
        ("Vietname", "VN"),  # Portugal's name, not Brazil's
        ("Myanmar", "MM"),
        ("Kosovo", "XK"),
    ],
)
def test_a_country_is_known_by_its_names_in_any_language_and_by_its_codes(
    countries, spelling, code
):
    assert countries[spelling] == {code}


def test_every_country_has_a_name_and_no_region_is_one(countries):
    assert set().union(*countries.values()) == set(country_codes())
    assert not {"Europe", "European Union", "World", "001"} & set(countries)
