"""Names, contracts, descriptions, and what may never be in a mart."""

import re

import pytest
import yaml

from tests.dbt.manifest_views import PROJECT, layer, models

NAMES = {
    "staging": r"(base|stg)_[a-z]+__[a-z_]+",
    "canonical": r"canonical_[a-z_]+|map_[a-z]+__[a-z_]+",
    "intermediate": r"int_[a-z]+__[a-z_]+",
    "marts": r"(dim|fct|rpt)_[a-z_]+|customer_aliases|identity_changes|policies|source_streams",
    "segments": r"seg_[a-z_]+|segments|segment_[a-z]+|rpt_[a-z_]+|int_segments__[a-z_]+",
    "metrics": r"[a-z]+_figures",
    "quarantine": r"quarantined_(rows|fields)",
    "ops": r"[a-z_]+",
    "audit": r"[a-z_]+",
}
PUBLIC = ("marts", "segments", "metrics")
IDENTIFIER = re.compile(
    r"(^|_)(e?mail|phone|mobile|(first|last|full|family|given|middle)_?name|surname|address|street"
    r"|postcode|zip|birth_?(day|date)|external_id|shop_customer_(id|number)|profile_id|contact_id)$"
)


def public(manifest: dict) -> list[dict]:
    return [
        node
        for node in models(manifest)
        if layer(node) in PUBLIC and not node["name"].startswith(("int_", "seg_"))
    ]


def test_models_are_named_after_their_layer(manifest):
    wrong = [n["name"] for n in models(manifest) if not re.fullmatch(NAMES[layer(n)], n["name"])]
    assert wrong == []


def test_every_model_says_what_one_row_is(manifest):
    silent = [
        node["name"]
        for node in models(manifest)
        # a segment's description is in its entry of the policy
        if layer(node) != "audit"
        and not node["name"].startswith("seg_")
        and not node["description"].startswith("One row per ")
    ]
    assert silent == []


def test_every_public_table_has_an_enforced_contract_with_described_and_typed_columns(manifest):
    for node in public(manifest):
        assert node["contract"]["enforced"], node["name"]
        for column in node["columns"].values():
            assert column["description"], f"{node['name']}.{column['name']}"
            assert column["data_type"], f"{node['name']}.{column['name']}"


def test_no_public_table_holds_a_direct_identifier(manifest):
    found = [
        f"{node['name']}.{column}"
        for node in public(manifest)
        for column in node["columns"]
        if IDENTIFIER.search(column)
    ]
    assert found == []


@pytest.mark.parametrize(
    "column", ["email", "customer_email", "phone", "first_name", "shop_customer_id", "address"]
)
def test_the_identifier_rule_would_notice(column):
    assert IDENTIFIER.search(column)


ENGINES_ZONES = re.compile(
    r"at time zone (?!'utc')|\b(?<!pytz\.)timezone\(|pg_timezone_names", re.IGNORECASE
)
DAY_OF_UTC = re.compile(r"cast\((\w+\.)?\w+_at as date\)|'month', (\w+\.)?\w+_at\b")
# Nights, which are days of UTC, and what somebody wrote down as a day.
ITS_DAY_IS_UTCS = {
    "fct_deals.sql",
    "int_clocks__reporting_days.sql",
    "int_identity__versions.sql",
    "map_people__named.sql",
}


def sql_that_matches(pattern: re.Pattern) -> set[str]:
    folders = [PROJECT / "macros", PROJECT / "models", PROJECT.parent / "expectations"]
    files = [path for folder in folders for path in folder.rglob("*.sql")]
    return {path.name for path in files if pattern.search(path.read_text())}


def test_the_engine_s_own_time_zones_are_never_asked():
    """They are as old as the engine; the lock's are those of int_clocks__offsets."""
    assert ENGINES_ZONES.search("at time zone 'Europe/Berlin'")
    assert ENGINES_ZONES.search("AT TIME ZONE zones.time_zone")
    assert sql_that_matches(ENGINES_ZONES) == set()


def test_the_day_of_an_instant_is_that_of_the_reporting_clock():
    assert sql_that_matches(DAY_OF_UTC) == ITS_DAY_IS_UTCS


def test_columns_are_named_after_their_type(manifest):
    rules = {
        "timestamp": r".*_at",
        "date": r".*_date",
        "boolean": r"(is|has|takes)_.*",
        "decimal(18,2)": r".*_amount(_\d+d)?",
    }
    wrong = [
        f"{node['name']}.{column['name']} is {column['data_type']}"
        for node in public(manifest)
        for column in node["columns"].values()
        if column["data_type"] in rules
        and not re.fullmatch(rules[column["data_type"]], column["name"])
    ]
    assert wrong == []


def test_amounts_stand_beside_their_currency(manifest):
    wrong = [
        node["name"]
        for node in public(manifest)
        if any("_amount" in column for column in node["columns"])
        and "currency_code" not in node["columns"]
    ]
    assert wrong == []


SEGMENTS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["segments"]


def segment_models(manifest: dict) -> dict[str, dict]:
    """The models that say who qualifies, by the name of their segment."""
    return {
        node["name"].removeprefix("seg_"): node
        for node in models(manifest)
        if node["name"].startswith("seg_")
    }


def test_a_segment_is_a_file_and_an_entry_of_the_policy(manifest):
    assert segment_models(manifest).keys() == SEGMENTS.keys()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_has_an_owner_a_description_a_destination_and_a_unit_test(manifest, segment):
    for said in ("owner", "description", "destination"):
        assert SEGMENTS[segment].get(said), f"{segment} has no {said} in dbt_project.yml"
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    assert f"seg_{segment}" in tested, f"no unit test of seg_{segment}: who is just in, who not?"


def test_the_union_of_segments_is_found(manifest):
    """A segment that the union misses would silently have nobody in it."""
    node = manifest["nodes"]["model.rapport.int_segments__qualified"]
    assert {key.split(".")[-1] for key in node["depends_on"]["nodes"]} == {
        f"seg_{segment}" for segment in SEGMENTS
    }


def test_no_segment_draws_by_the_lot_that_decides_the_arm(manifest):
    """Whoever is in would all be in one arm."""
    drawn = {
        segment: [word for _, word in re.findall(r"hash_share\((['\"])(.*?)\1\)", node["raw_code"])]
        for segment, node in segment_models(manifest).items()
    }
    assert any(drawn.values())
    assert not [name for name, words in drawn.items() if any(f":{name}" in each for each in words)]


def test_a_segment_says_who_and_why_and_nothing_of_what_comes_downstream(manifest):
    """Consent, caps and arms are one step further on, for all segments alike."""
    for node in segment_models(manifest).values():
        code = node["raw_code"]
        assert not re.search(r"_consent|remaining_30d|is_paused|hash_share\(.*segment", code)
        assert re.search(r"\bas reason\b", code), node["name"]
        assert re.search(r"\bas urgency\b", code), node["name"]


def test_every_table_of_marts_and_segments_has_a_reader(manifest):
    exposed = {p for e in manifest["exposures"].values() for p in e["depends_on"]["nodes"]}
    tables = {n["unique_id"] for n in public(manifest)}
    assert tables - exposed == set()


def test_policies_are_explained():
    """Each var has a comment above it; the number alone convinces nobody."""
    text = (PROJECT / "dbt_project.yml").read_text()
    variables = yaml.safe_load(text)["vars"]
    block = text.split("\nvars:\n")[1].split("\nmodels:\n")[0]
    paragraphs = [paragraph for paragraph in block.split("\n\n") if paragraph.strip()]
    assert variables
    assert all(paragraph.lstrip().startswith("#") for paragraph in paragraphs)


def policies_between_quotes(sql: str) -> list[str]:
    """Literals of the SQL's own with a policy in them: a quote in its text would end them."""
    bare = re.sub(r"{#.*?#}|{%.*?%}|--[^\n]*", "", sql, flags=re.DOTALL)
    marked = re.sub(
        r"{{.*?}}",
        lambda said: (
            "<policy>" if re.search(r"\bvar\(", said[0]) and "sql_text" not in said[0] else ""
        ),
        bare,
        flags=re.DOTALL,
    )
    literals = re.findall(r"'[^'\n]*'|\"[^\"\n]*\"", marked)
    return [literal for literal in literals if "<policy>" in literal]


def test_the_text_of_a_policy_reaches_sql_by_sql_text_alone():
    for wrong in ("'{{ var(\"a\") }}'", "\"{{- var('a') | lower }}\"", "'%{{ var('a') }}%'"):
        assert policies_between_quotes(f"select 'b' as b where name = {wrong} or 'c'")
    for right in ("{{ sql_text(var('a')) }}", "'b' then {{ var('a') }} else 'c'"):
        assert not policies_between_quotes(f"select 'b' as b where name = {right} or 'c'")
    files = [
        path
        for folder in ("macros", "models", "tests")
        for path in PROJECT.glob(f"{folder}/**/*.sql")
    ]
    assert files
    assert {p.name: found for p in files if (found := policies_between_quotes(p.read_text()))} == {}


def test_no_policy_is_read_while_the_project_is_parsed():
    """A night is handed what was parsed before: a policy in a yml is the default for ever."""
    files = [*PROJECT.glob("models/**/*.yml"), *PROJECT.glob("seeds/*.yml"), *PROJECT.glob("*.yml")]
    read = [path for path in files if re.search(r"{{[^}]*\bvar\(", path.read_text())]
    for path in PROJECT.glob("models/**/*.sql"):
        for config in re.findall(r"config\((.*?)\)\s*}}(?!\")", path.read_text(), re.DOTALL):
            # What stands in quotes is a hook, which is rendered when it runs.
            if "var(" in re.sub(r"'[^']*'|\"[^\"]*\"", "", config):
                read.append(path)
    assert len(files) > 40
    assert read == []


def test_no_model_in_python_reads_what_was_parsed(manifest):
    python = [node for node in models(manifest) if node["language"] == "python"]
    assert python
    assert [node["name"] for node in python if "config.meta_get" in node["raw_code"]] == []


def test_a_policy_is_named_in_the_text_that_reads_it():
    """What a warehouse keeps the marks of is found by these names (rapport/build/lasting.py)."""
    code = [*PROJECT.rglob("models/**/*.sql"), *PROJECT.rglob("macros/**/*.sql")]
    calls = [call for path in code for call in re.findall(r"\bvar\(\s*(.)", path.read_text())]
    assert len(calls) > 100
    assert set(calls) <= {"'", '"'}


def test_no_name_is_too_long_for_airflow_s_database(manifest):
    """Postgres keeps keys up to 512 characters, and something may be added to a node's id."""
    nodes = [*manifest["nodes"], *manifest["unit_tests"]]
    assert not [name for name in nodes if len(name) > 480]


def test_no_night_is_stopped_by_a_sum_that_returns_and_credits_can_make_negative(manifest):
    # What comes back may have been bought before the data begins, and a deal can be a credit.
    net = re.compile(r"(.*_)?(sales|average_order|deal|entered|won|open)_amount(_\d+d)?")
    bound = [
        f"{node['attached_node']}.{column}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") == "not_negative"
        for column in node["test_metadata"]["kwargs"]["columns"]
        if net.fullmatch(column)
    ]
    assert bound == []


# What a kept model reads and does not follow, and why nothing of it can change unnoticed.
NOT_FOLLOWED = {
    (
        "dim_customer_habits",
        "int_clocks__offsets",
    ): "the zones of the lock: a new lock, a new build",
    (
        "dim_customer_habits",
        "int_touchpoints__mentioned_topics",
    ): "of months that are over: a word that is tagged anew is learned with the next one's end",
    (
        "dim_customer_marketing",
        "fct_flow_orders",
    ): "made of touchpoints and orders, each customer's",
    ("dim_customer_relationships", "int_relationship__types"): "a policy: another, a new build",
    ("fct_campaign_orders", "fct_touchpoints"): "an answer rebuilds its campaign, which notes days",
    (
        "fct_contact_exposures",
        "int_pressure__evidence",
    ): "a view of touchpoints and draws, which it follows",
    ("int_relationship__scores", "int_relationship__types"): "a policy: another, a new build",
}


def kept_models(manifest: dict) -> dict[str, dict]:
    """Models of which a night makes parts, by name."""
    return {
        node["name"]: node
        for node in models(manifest)
        if node["config"].get("incremental_strategy") == "replace_days"
    }


def hooks(node: dict) -> str:
    return " ".join(
        hook["sql"] for hook in node["config"]["pre-hook"] + node["config"]["post-hook"]
    )


def refs_in(text: str) -> set[str]:
    return set(re.findall(r"\bref\('(\w+)'\)", text))


def refs_of_hooks(manifest: dict, node: dict) -> set[str]:
    """What the hooks of a model name, and the macros that they call."""
    macros = {macro["name"]: macro["macro_sql"] for macro in manifest["macros"].values()}
    found, seen, waiting = refs_in(hooks(node)), set(), [hooks(node)]
    while waiting:
        called = set(re.findall(r"\b(\w+)\(", waiting.pop())) & macros.keys() - seen
        seen |= called
        waiting += [macros[name] for name in called]
        found |= {ref for name in called for ref in refs_in(macros[name])}
    return found


def test_what_is_kept_follows_what_it_reads(manifest):
    """What changes in anything else is never learned, however many nights are built after it."""
    kept = kept_models(manifest)
    assert len(kept) > 15
    assert {
        (name, read)
        for name, node in kept.items()
        for read in {key.split(".")[-1] for key in node["depends_on"]["nodes"]}
        - refs_of_hooks(manifest, node)
    } == NOT_FOLLOWED.keys()


def test_what_is_followed_notes_what_changes(manifest):
    """Who follows a table that never says anything learns nothing, and nobody is told."""
    noting = re.compile(r"\bnote_|\bfind_touched_campaigns|\bfind_days_with_new_evidence")
    silent = {
        node["name"]
        for node in models(manifest)
        if "noted" not in node["config"]["meta"] and not noting.search(hooks(node))
    }
    followed = {
        ref
        for node in kept_models(manifest).values()
        if "find_touched_days" not in hooks(node)  # they compare rows
        for ref in refs_in(hooks(node))
    }
    assert followed | {"int_identity__customers"} <= {node["name"] for node in models(manifest)}
    assert (followed | {"int_identity__customers"}) & silent == set()


def test_what_is_kept_in_the_reporting_currency_is_made_anew_in_another(manifest):
    kept = kept_models(manifest)
    in_currency = {
        name
        for name, node in kept.items()
        if "model.rapport.int_orders__reporting_currency" in node["depends_on"]["nodes"]
    }
    assert in_currency == {
        name for name, node in kept.items() if node["config"]["meta"].get("has_reporting_currency")
    }
