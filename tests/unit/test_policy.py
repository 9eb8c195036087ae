"""What a firm's policy.yml may say, and what it is told when it says what cannot be."""

import json
import re

import pytest
import yaml

from rapport.build.lasting import lasting_of
from rapport.errors import PolicyError
from rapport.policy import OF_THE_NIGHT, policies_of, read_schema, settings_list, settings_page
from rapport.settings import COMPANIES, ENVIRONMENT, PROJECT_DIR, Settings

DBT = PROJECT_DIR / "dbt_project"
DEFAULTS = yaml.safe_load((DBT / "dbt_project.yml").read_text())["vars"]


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """An installation of a firm's own, in a folder without a policy.yml."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    return Settings.from_env


@pytest.fixture
def problems(settings, tmp_path):
    """Return a function that gives what is wrong with a text, a line each, without the path."""

    def of(text):
        path = tmp_path / "policy.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(PolicyError) as error:
            policies_of(settings())
        return [
            line.replace(f"{path}, ", "").replace(str(path), "") for line in error.value.problems
        ]

    return of


@pytest.fixture
def policies(settings, tmp_path):
    """Return a function that gives the policies in force under a text."""

    def of(text):
        (tmp_path / "policy.yml").write_text(text)
        return policies_of(settings())

    return of


# --- which is in force


def test_without_a_file_all_is_as_the_project_has_it(settings):
    in_force = policies_of(settings())
    known = {name: value for name, value in DEFAULTS.items() if name not in OF_THE_NIGHT}
    assert {policy.name: policy.value for policy in in_force.all} == known
    assert {policy.source for policy in in_force.all} == {"default"}
    assert in_force.changed == []


def test_every_policy_has_a_place_in_the_schema_and_the_defaults_pass_it(settings):
    schema = read_schema(DBT)
    assert set(schema["properties"]) == set(DEFAULTS) - set(OF_THE_NIGHT)
    assert all(about["description"].endswith(".") for about in schema["properties"].values())
    policies_of(settings())


def test_a_map_is_changed_by_its_keys_and_a_list_as_a_whole(policies):
    in_force = policies(
        "contact_cost_amounts: {automated: {email: 0.2, phone: 1}}\nweb_store_ids: ['1', '2']\n"
    )
    costs = in_force["contact_cost_amounts"].value
    default = DEFAULTS["contact_cost_amounts"]
    assert costs["automated"] == {**default["automated"], "email": 0.2, "phone": 1}
    assert costs["human"] == default["human"]
    assert in_force["web_store_ids"].value == ["1", "2"]
    assert [policy.name for policy in in_force.changed] == ["contact_cost_amounts", "web_store_ids"]


def test_null_takes_a_key_of_a_map_away_and_leaves_a_policy_as_it_is_by_default(policies):
    in_force = policies("identity_phone_regions: {shop: null}\nhabit_months: null\n")
    assert in_force["identity_phone_regions"].value == {"hubspot": "US", "klaviyo": "US"}
    assert in_force["habit_months"].value == DEFAULTS["habit_months"]


def test_norway_is_a_country_and_a_day_is_text(policies):
    in_force = policies("identity_phone_regions: {shop: NO}\nearliest_plausible_date: 2001-02-03\n")
    assert in_force["identity_phone_regions"].value["shop"] == "NO"
    assert in_force["earliest_plausible_date"].value == "2001-02-03"


def test_the_file_goes_before_the_company_and_the_company_before_the_project(
    settings, monkeypatch, tmp_path
):
    monkeypatch.setenv("RAPPORT_COMPANY", "simulated")
    zone = policies_of(settings())["reporting_time_zone"]
    assert (zone.value, zone.source) == ("Europe/Berlin", "company")
    (tmp_path / "policy.yml").write_text("reporting_time_zone: Asia/Tehran\n")
    zone = policies_of(settings())["reporting_time_zone"]
    assert (zone.value, zone.source) == ("Asia/Tehran", "policy.yml")


def test_each_company_of_the_sandbox_brings_a_clock_and_nothing_that_cannot_be(
    settings, monkeypatch
):
    for company in COMPANIES:
        monkeypatch.setenv("RAPPORT_COMPANY", company)
        changed = [policy.name for policy in policies_of(settings()).changed]
        assert changed == ([] if company == "own" else ["reporting_time_zone"])


def test_a_file_that_is_named_must_be_there(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_POLICY", str(tmp_path / "none.yml"))
    with pytest.raises(PolicyError, match=r"none\.yml: No such file"):
        policies_of(settings())
    (tmp_path / "none.yml").write_text("habit_months: 6\n")
    assert policies_of(settings())["habit_months"].value == 6


def test_the_digest_tells_policies_apart_and_not_who_decided_them(policies):
    by_default, same, other = (
        policies(text) for text in ("", "habit_months: 12\n", "habit_months: 6\n")
    )
    assert by_default.digest() == same.digest() != other.digest()
    assert by_default.digest(["owner_capacity"]) == other.digest(["owner_capacity"])


def test_dbt_is_given_whole_maps_of_what_differs_and_all_to_show(policies):
    given = policies("value_tiers: {top: 3000}\n").variables()
    assert given["value_tiers"] == {**DEFAULTS["value_tiers"], "top": 3000}
    assert set(given) == {"value_tiers", "policies_in_force"}
    assert len(given["policies_in_force"]) == len(DEFAULTS) - len(OF_THE_NIGHT)


def test_the_channels_that_a_firm_may_name_are_those_of_the_touchpoints():
    marts = yaml.safe_load((DBT / "models/marts/core/_core__models.yml").read_text())["models"]
    [channel] = [
        column
        for model in marts
        if model["name"] == "fct_touchpoints"
        for column in model["columns"]
        if column["name"] == "channel"
    ]
    [channels] = [
        test["accepted_values"]["arguments"]["values"]
        for test in channel["data_tests"]
        if "accepted_values" in test
    ]
    schema = read_schema(DBT)
    assert schema["$defs"]["channels"] == channels
    days = schema["properties"]["campaign_attribution_days"]
    assert days["propertyNames"]["enum"] == ["default", *channels]


# --- what cannot be


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value_tears: {}", "line 1: value_tears is no policy; the nearest is value_tiers"),
        ("value_tears: null", "line 1: value_tears is no policy; the nearest is value_tiers"),
        ("as_of_date: 2017-01-01", "line 1: as_of_date is no policy"),
        (
            "\nvalue_tiers:\n  topp: 1",
            "line 3: value_tiers.topp is no key; the nearest is top; there are high, low, middle,",
        ),
        ("owner_capacity: many", 'line 1: owner_capacity must be a whole number, not "many"'),
        ("owner_capacity: 2.0", "owner_capacity must be a whole number, not 2.0: write 2"),
        ("owner_capacity: true", "owner_capacity must be a whole number, not true"),
        ("owner_capacity: 0", "line 1: owner_capacity must be at least 1, not 0"),
        ("gross_margin_share: 25", "gross_margin_share must be at most 1, not 25"),
        ("gross_margin_share: .nan", "gross_margin_share must be a number, not NaN"),
        ("habit_hours_width: 25", "habit_hours_width must be at most 24, not 25"),
        ("answer_half_life_hours: 0", "answer_half_life_hours must be more than 0, not 0"),
        ("fuzzy_identity: yes", 'fuzzy_identity must be true or false, not "yes"'),
        ("value_tiers: 5", "value_tiers must be a map, not 5"),
        ("web_store_ids: [900]", 'web_store_ids.0 must be text, not 900: put it in quotes ("900")'),
        ("web_store_ids: ['9', '9']", 'web_store_ids has an entry twice: ["9", "9"]'),
        ("strained_skill: ''", "strained_skill must not be empty"),
        ("default_allowed_hours: [8]", "default_allowed_hours must have at least 2 entries, not 1"),
        ("survey_scales: {stars: {worst: 1}}", "line 1: survey_scales.stars has no happy"),
        ("value_tiers: {top: null}", "line 1: value_tiers has no top"),
        (
            "contact_cost_amounts: {human: {E-Mail: 1}}",
            'line 1: contact_cost_amounts.human.E-Mail "E-Mail" is no channel; the nearest is '
            "email; there are email, sms, push, phone, meeting, chat, web, store, post, ad, social",
        ),
        (
            "campaign_attribution_days:\n  emial: 3",
            'line 2: campaign_attribution_days.emial "emial" is no channel; the nearest is email; '
            "there are default, email, sms,",
        ),
        (
            "unknown_message_class: transactionnal",
            'unknown_message_class "transactionnal" is no message class; the nearest is '
            "transactional; there are marketing, service, transactional",
        ),
        (
            "survey_scales: {NPS: {worst: 0, unhappy: 6, happy: 9, best: 10}}",
            'survey_scales.NPS "NPS" must be lower-case letters, digits and _',
        ),
        (
            "reporting_time_zone: Europe/Berln",
            '"Europe/Berln" is no time zone (IANA); the nearest is Europe/Berlin',
        ),
        (
            "reporting_currency: gbp",
            'reporting_currency "gbp" is no currency (ISO 4217); the nearest is GBP',
        ),
        ("identity_phone_regions: {shop: UK}", '"UK" is no country (ISO 3166-1)'),
        ("earliest_plausible_date: 1990-02-30", '"1990-02-30" is no day; write YYYY-MM-DD'),
        ("earliest_plausible_date: 19900228", "must be text, not 19900228"),
        (
            "currency_rates:\n- {month: 2017-13, currency: EUR, rate: 1}",
            'line 2: currency_rates.0.month "2017-13" is no month; write YYYY-MM',
        ),
        (
            "currency_rates:\n- {month: 2017-12, currency: EUR, rate: 0}",
            "line 2: currency_rates.0.rate must be more than 0, not 0",
        ),
        (
            "value_tiers: {top: 100}",
            "line 1: value_tiers.high must not be above top: 800 against 100",
        ),
        (
            "wants_none_up_to: 0.9",
            "line 1: wants_none_up_to must not be above wants_relationship_from: 0.9 against 0.65",
        ),
        (
            "service_flow_name_pattern: '(Recall'",
            '"(Recall" is no regular expression of DuckDB (RE2): missing ): (Recall',
        ),
        (
            "service_flow_name_pattern: '(?=Recall)'",
            "is no regular expression of DuckDB (RE2): invalid perl operator: (?=",
        ),
        ("service_flow_name_pattern: '.'", '"." matches everything, such as x1, Welcome, 42'),
        ("service_flow_name_pattern: '(Recall)?'", '"(Recall)?" matches everything'),
        (
            "reporting_currency: GBP\ncurrency_rates:\n- {month: 2017-12, currency: EUR, rate: 1}\n"
            "- {month: 2017-12, currency: EUR, rate: 2}",
            "line 4: currency_rates.1 says 2017-12 EUR a second time",
        ),
        (
            "currency_rates: [{month: 2017-12, currency: EUR, rate: 1}]",
            "line 1: currency_rates needs reporting_currency to be decided too",
        ),
        ("contact_cost_amounts: {human: {phone: 1e10}}", "phone must be at most 1000000000, not"),
        ("robot_least_links: 3000000", "robot_least_links must be at most 1000000, not 3000000"),
        ("given_enough: 1e9", "given_enough must be less than 1000000000, not 1000000000.0"),
        ("polarity_weights: {return: -1e7}", "polarity_weights.return must be at least -1000000,"),
        ("default_allowed_hours: [21, 8]", "default_allowed_hours must rise, the smaller first,"),
        ("default_allowed_hours: [8, 8]", "default_allowed_hours must rise, the smaller first,"),
        (
            "survey_scales: {stars: {worst: 1, unhappy: 4, happy: 2, best: 5}}",
            "line 1: survey_scales.stars must go one way, with happy beyond unhappy, "
            "not worst 1, unhappy 4, happy 2, best 5",
        ),
        (
            "survey_scales: {stars: {worst: 3, unhappy: 3, happy: 3, best: 3}}",
            "survey_scales.stars must go one way",
        ),
        (
            "survey_scales: {stars: {worst: 1, unhappy: 2, happy: 9, best: 5}}",
            "survey_scales.stars must go one way",
        ),
        (
            "product_classes:\n- {name: goods, comes_back: true, codes: [A]}",
            'line 2: product_classes.0.name must not be "goods", which stands for something',
        ),
        (
            "product_classes: [{name: fee, comes_back: true, codes: ['.*']}]",
            'product_classes.0.codes.0 ".*" matches everything, such as x1, 85123A, 1000234',
        ),
        ("product_classes: [{name: fee, comes_back: true, codes: ['\\w+']}]", "matches everything"),
        ("reporting_currency: XXX", '"XXX" is no currency (ISO 4217)'),
        ("reporting_currency: XAU", '"XAU" is no currency (ISO 4217)'),
        ("earliest_plausible_date: 2100-01-01", "must be from 1900-01-01 to today, not"),
        ("earliest_plausible_date: 0001-01-01", "must be from 1900-01-01 to today, not"),
        ("win_back_least_silent_days: 010", 'must be a whole number, not "010"'),
        ("win_back_least_silent_days: 1:30", 'must be a whole number, not "1:30"'),
        ("win_back_least_silent_days: 1_000", 'must be a whole number, not "1_000"'),
        ("win_back_least_silent_days: 0x1F", 'must be a whole number, not "0x1F"'),
        ("strained_skill: '{{ as_of_date }}'", "strained_skill must not have {{ in it, where dbt"),
        ("firm_themes: ['20 {% off']", "firm_themes.0 must not have {% in it, where dbt would"),
        ("vendor_order_metric: 'Order {#1'", "vendor_order_metric must not have {# in it"),
        ('service_flow_tag: "a\\a"', "service_flow_tag has a control character or a line break"),
        ('web_store_ids: ["9\\n"]', "web_store_ids.0 has a control character or a line break"),
        ('service_flow_name_pattern: "\\ud800"', "service_flow_name_pattern has a control"),
        ('"\\ud800": 1', "is no policy"),
        ('firm_themes: ["\\ud800"]', "firm_themes.0 has a control character or a line break"),
        ("habit_months: 6\nhabit_months: 7", "line 2: habit_months stands here a second time"),
        ("a: [", "line 1: is not YAML"),
        ("- a list", "line 1: must be a map"),
        ("a: &a {b: *a}", ": is not YAML: Circular reference"),
        ("? [1]\n: 2", "line 1: is not YAML"),
        ("!!python/object:os.system {}", "line 1: is not YAML"),
        ("habit_months: 6\n---\nhabit_months: 7", "line 2: is not YAML"),
        (b"firm_themes: [\xff]", ": is not text in UTF-8"),
        (b"habit_months: \x00", ": is not YAML"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(problems, text, said):
    assert [line for line in problems(text) if said in line], problems(text)


@pytest.mark.parametrize(
    "pattern", ["a++", "(?>a)b", r"Recall\Z", "(a)?(?(1)b)", "a{1001}", "(?<n>a)"]
)
def test_a_pattern_that_the_warehouse_cannot_read_is_refused(problems, pattern):
    text = json.dumps(
        {"product_classes": [{"name": "fee", "comes_back": True, "codes": [pattern]}]}
    )
    assert "is no regular expression of DuckDB (RE2): " in problems(text)[0]


def test_a_pattern_that_the_warehouse_can_read_is_taken(policies):
    in_force = policies(r"service_flow_name_pattern: '(?i)^\p{L}+ (?P<what>recall)\z'")
    assert in_force["service_flow_name_pattern"].value.startswith("(?i)")


def test_a_scale_may_fall_as_marks_at_school_do(policies):
    marks = {"worst": 6, "unhappy": 4, "happy": 2, "best": 1}
    in_force = policies(json.dumps({"survey_scales": {"marks": marks}}))
    assert in_force["survey_scales"].value["marks"] == marks


def test_numbers_are_those_of_json_and_all_else_is_text(policies):
    in_force = policies("web_store_ids: [010, 1:30, 1_000]\nwin_back_least_silent_days: +90\n")
    assert in_force["web_store_ids"].value == ["010", "1:30", "1_000"]
    assert in_force["win_back_least_silent_days"].value == 90


def test_every_number_has_bounds():
    def unbounded(schema, path=()):
        if isinstance(schema, dict):
            if schema.get("type") in ("number", "integer"):
                for side in ("minimum", "maximum"):
                    if not {side, f"exclusive{side.title()}"} & set(schema):
                        yield ".".join(path), side
            for key, inner in schema.items():
                yield from unbounded(inner, (*path, str(key)))

    assert list(unbounded({"type": "number", "minimum": 1})) == [("", "maximum")]
    assert list(unbounded(read_schema(DBT))) == []


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(problems):
    found = problems(
        "owner_capacity: 0\nhabit_month: 3\ngross_margin_share: 2\nvalue_tiers: {low: -1, top: a}\n"
    )
    assert [re.match(r"line (\d)", line)[1] for line in found] == ["1", "2", "3", "4", "4"]


def test_a_null_byte_or_a_folder_is_no_stack_trace(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_POLICY", str(tmp_path))
    with pytest.raises(PolicyError, match="Is a directory"):
        policies_of(settings())


# --- the list of all settings


def test_the_list_of_settings_is_up_to_date(settings):
    """After a change: `rapport settings --json > docs/settings.json`, and --page the same."""
    listed = settings_list(settings())
    assert json.loads((PROJECT_DIR / "docs" / "settings.json").read_text()) == listed
    assert (PROJECT_DIR / "docs" / "settings.md").read_text() == settings_page(listed)


def test_the_page_of_settings_says_which_words_there_are(settings):
    (line,) = (
        line
        for line in settings_page(settings_list(settings())).splitlines()
        if line.startswith("| `journey_impressions` ")
    )
    assert "`count`, `ignore`" in line


def test_the_list_has_what_the_code_reads_of_the_environment():
    files = [*(PROJECT_DIR / "plugins").rglob("*.py"), *(PROJECT_DIR / "dags").rglob("*.py")]
    read = {
        name for path in files for name in re.findall(r"\bRAPPORT_[A-Z_]+[A-Z]\b", path.read_text())
    }
    # What a build tells dbt, and where a test may kill it; connections have names of Airflow's.
    of_dbt = {"RAPPORT_LANDING", "RAPPORT_SPARK_TABLES", "RAPPORT_TEMP_DIR", "RAPPORT_WAREHOUSE"}
    elsewhere = {
        "RAPPORT_KILLPOINT",
        *(f"RAPPORT_{name}" for name in ("HUBSPOT", "KLAVIYO", "SHOP")),
    }
    assert read - of_dbt - elsewhere == set(ENVIRONMENT)


# --- which of them a warehouse keeps the marks of


def manifest(**models):
    """A manifest of models, each (materialized, text, what it reads), and two macros."""
    return {
        "metadata": {"project_name": "p"},
        "macros": {
            "m.p.outer": {"name": "outer", "package_name": "p", "macro_sql": "{{ inner() }}"},
            "m.p.inner": {"name": "inner", "package_name": "p", "macro_sql": "var('by_macro')"},
            "m.dbt.inner": {"name": "inner", "package_name": "dbt", "macro_sql": "var('not_ours')"},
        },
        "nodes": {
            name: {
                "resource_type": "model",
                "raw_code": text,
                "config": {"materialized": kind},
                "depends_on": {"nodes": list(reads)},
            }
            for name, (kind, text, *reads) in models.items()
        },
    }


def test_a_warehouse_keeps_the_marks_of_what_its_incremental_models_are_made_by():
    kept = lasting_of(
        manifest(
            base=("view", "{{ var('far_back') }}"),
            between=("table", "{{ outer() }}", "base", "source.x"),
            kept=("incremental", '{{ var("own", 1) }}', "between"),
            after=("table", "{{ var('made_anew') }}", "kept"),
        )
    )
    assert kept == ["by_macro", "far_back", "own"]
