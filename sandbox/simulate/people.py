"""The people: their kind, their hidden traits, their faces, and when they came."""

import duckdb

from sandbox.people import BRITISH_BLOCKS, MAIL_DOMAINS, NORTH_AMERICAN_AREAS
from sandbox.simulate import names
from sandbox.simulate.engine import choose, texts
from sandbox.simulate.parameters import BLOCK, DAY, END, LANGUAGES, TOPICS, VALUES, Parameters

# Area codes for the larger companies, beside those of the default one: 555-01xx has a hundred
# numbers in each.
AREAS = sorted(
    {
        *NORTH_AMERICAN_AREAS,
        *(201, 203, 205, 207, 208, 209, 210, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231),
        *(234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302),
        *(304, 307, 308, 309, 310, 313, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, 334, 336),
        *(337, 339, 347, 351, 352, 360, 361, 386, 401, 402, 405, 406, 407, 408, 409, 410, 413, 414),
        *(417, 419, 423, 424, 425, 430, 432, 434, 435, 440, 443, 458, 469, 470, 475, 478, 479, 480),
        *(484, 501, 502, 504, 505, 507, 508, 509, 510, 515, 516, 517, 518, 520, 530, 531, 534, 539),
        *(540, 541, 551, 559, 561, 562, 563, 567, 570, 571, 573, 574, 575, 580, 585, 586, 601, 603),
    }
)


def kinds_table(db: duckdb.DuckDBPyConnection, parameters: Parameters) -> None:
    """Make ``kinds``: a row per type of relationship, with the bounds of its share."""
    from dataclasses import asdict

    rows, total = [], 0.0
    for kind in parameters.kinds:
        values = list(asdict(kind).values())
        rows.append((*values, total, total + kind.share))
        total += kind.share
    if abs(total - 1) > 1e-9:
        raise ValueError(f"the shares of the kinds sum to {total}, not to 1")
    columns = ", ".join(
        f"{name} double" for name in [*list(asdict(parameters.kinds[0]))[1:], "low", "high"]
    )
    db.execute(f"create table kinds (kind varchar, {columns})")
    db.executemany(f"insert into kinds values ({', '.join('?' * len(rows[0]))})", rows)


def traits(db: duckdb.DuckDBPyConnection, p: Parameters, first: int, last: int) -> None:
    """Make ``traits``: a person's kind, axes, process parameters and times, for first to last."""
    in_kind = " ".join(
        f"when u('kind', person) < {sum(k.share for k in p.kinds[: i + 1])!r} then '{kind.name}'"
        for i, kind in enumerate(p.kinds)
    )
    # A new customer comes a while after the account was opened, so that every record has a past.
    opening, span = p.start + 4 * DAY, END - p.start - 4 * DAY
    recent = min(30 * DAY, span)
    db.execute(
        f"""
        create or replace temp table traits as
        with numbered as (
            select range as person, case {in_kind} else '{p.kinds[-1].name}' end as kind
            from range({first}, {last + 1})
        ),
        drawn as (
            select
                person, kinds.*,
                whole_second(case
                    when u('cohort', person) < {p.newcomers}
                        then {END} - 2 * a_day() - u('born', person) * ({recent} - 3 * a_day())
                    when u('cohort', person) < 0.55
                        then {opening} + u('born', person) * least(45 * a_day(), {span} * 0.1)
                    else {opening} + u('born', person) * ({span} - {recent})
                end) as born,
                normal('responsive', person) as z_responsive,
                {_axis("closeness", p)}, {_axis("reciprocity", p)}, {_axis("human_share", p)},
                {_axis("price_focus", p)}, {_axis("commitment", p)},
                tolerance * exp({p.tolerance_scatter} * normal('tolerance', person)
                    - {p.tolerance_scatter**2 / 2}) as own_tolerance,
                gamma_draw({p.rate_shape}, 'rate', person)
                    * orders / {p.rate_shape} / {BLOCK} as rate,
                gamma_draw({p.dropout_concentration} * dropout, 'dropout a', person) as drop_a,
                gamma_draw({p.dropout_concentration} * (1 - dropout), 'dropout b', person)
                    as drop_b,
                gamma_draw({p.spend_spread}, 'spend', person)
                    / (spend * ({p.spend_spread} - 1) / {p.spend_shape}) as spend_rate,
            from numbered inner join kinds using (kind)
        )
        select
            person, kind, born, z_responsive,
            closeness_1 as closeness, reciprocity_1 as reciprocity, human_share_1 as human_share,
            price_focus_1 as price_focus, commitment_1 as commitment,
            exp({p.responsiveness_scatter} * z_responsive - {p.responsiveness_scatter**2 / 2})
                as responsiveness,
            own_tolerance, opt_out, rate,
            clip(drop_a / (drop_a + drop_b), 1e-6, 0.999) as drop_chance,
            spend_rate,
            u('wants', person) < wants_relationship as wants_relationship,
            u('proxy', person) < {p.privacy_proxy} as has_proxy,
            u('pool', person) < {p.pool_share} as is_in_pool,
            u('mail consent', person) < 0.88 as takes_mail,
            u('sms consent', person) < 0.32 as takes_sms,
            u('bad mail', person) < 0.012 as has_dead_mail,
            u('second profile', person) < {p.second_profiles} as has_second_profile,
            u('owner', person) < owner as has_owner,
            -- nobody is a stranger twice: those without a relationship have none to spoil
            case when kind <> 'no_relationship' and u('bad case', person) < {p.bad_case}
                then whole_second(
                    born + (0.08 + 0.87 * u('bad case at', person)) * ({END} - born)
                )
            end as strained_from,
            case when u('recovers', person) < {p.recovers}
                then strained_from + ({p.recovery} * a_day())::bigint
            end as strained_until,
            list_filter({texts(list(TOPICS))},
                lambda topic, i: u2('topic', person, i) < 0.30 + 0.15 * (topic = 'offers')::int
                    * (price_focus_1 > 0.5)::int) as topics,
            list_filter({texts(list(VALUES))}, lambda value, i: u2('value', person, i)
                < 0.12 + 0.25 * closeness_1) as beliefs,
        from drawn
        """
    )


def _axis(name: str, p: Parameters) -> str:
    return f"clip({name} + {p.scatter} * normal('{name}', person), 0.01, 0.98) as {name}_1"


def faces(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``people``: the traits with names, addresses, telephones and record ids."""
    languages = list(LANGUAGES)
    given = {language: names.spellings(language) for language in languages}

    def listed(part: int, spelling: int) -> str:
        return (
            "case language "
            + " ".join(
                f"when '{code}' then picked({texts([n[spelling] for n in given[code][part]])}, "
                f"u('{'first' if part == 0 else 'last'}', {'person' if part == 0 else 'family'}))"
                for code in languages
            )
            + " end"
        )

    zones = "case language " + " ".join(
        f"when '{code}' then picked({texts(zone.split())}, u('zone', person))"
        for code, zone in names.TIME_ZONES.items()
    )
    offsets = " ".join(f"when '{zone}' then {hours}" for zone, hours in names.UTC_OFFSETS.items())
    areas = "[" + ", ".join(map(str, AREAS)) + "]"
    blocks = texts(list(BRITISH_BLOCKS))
    db.execute(
        f"""
        create or replace temp table people as
        with families as (
            select *,
                -- the member before is in the same chunk: chunks start after a whole sixty
                person % 60 > 1 and u('family phone', person) < {p.shared_phones} as is_shared,
                case when is_shared then person - 1 else person end as family,
                (person - 1) // 60 as company
            from traits
        ),
        spoken as (
            select *, {choose(LANGUAGES, "u('language', family)")} as language,
                kind = 'business_partner' as is_business
            from families
        ),
        named as (
            select *,
                {listed(0, 0)} as first_name, {listed(1, 0)} as last_name,
                regexp_replace(lower(strip_accents(replace({listed(0, 1)}, 'Đ', 'D')
                    || '.' || {listed(1, 1)})), '[^a-z.]', '', 'g')
                    -- strip_accents leaves the letters that are not a letter with a mark
                    as plain,
                {zones} end as time_zone,
                case time_zone {offsets} end as utc_offset,
                10 + 9 * u('hour', person) as usual_hour
            from spoken
        )
        select
            * exclude (plain),
            replace(plain, 'đ', 'd') || person as local_part,
            picked({texts(list(MAIL_DOMAINS))}, u('domain', person)) as domain,
            case when is_business and u('role', person) < {p.role_addresses}
                then 'info@firm' || company || '.example'
                else local_part || '@' || domain end as email,
            local_part || '.private@' || domain as second_email,
            case
                when u('no phone', family) < 0.12 then null
                when language = 'vi' and family < 10000
                    then '+3326191' || lpad(family::varchar, 4, '0')
                when language in ('fa', 'ar') and family < 3000
                    then '+44' || {blocks}[1 + family // 1000]
                        || lpad((family % 1000)::varchar, 3, '0')
                -- 555-01xx is kept for fiction; a company too large for it goes on with 555 numbers
                -- that nobody is given
                else '+1' || {areas}[1 + family % {len(AREAS)}] || '555' || lpad((
                    case when family // {len(AREAS)} < 100 then 100 + family // {len(AREAS)}
                    else 2000 + family // {len(AREAS)} end
                )::varchar, 4, '0')
            end as phone,
            person + 10000000 as customer_id,
            (20000000000 + person * 1009)::varchar as contact_id,
            '01' || upper(hex16(chance('profile', person))) || lpad(person::varchar, 7, '0') || '0'
                as profile_id,
            whole_second(born - (2 + 72 * u('known', person)) * 3600000) as known_since,
            whole_second(known_since + (5 + 40 * u('crm', person)) * 60000) as in_crm_since,
            whole_second(known_since + (10 + 80 * u('mailing', person)) * 60000)
                as in_mailing_since,
            -- a role address alone does not tell whose record it is: those carry the number
            u('number in crm', person) >= {p.number_missing_in_crm} or email like 'info@%'
                as has_number_in_crm,
            u('number in mailing', person) >= {p.number_missing_in_mailing}
                or email like 'info@%' as has_number_in_mailing,
            case when has_number_in_crm and has_number_in_mailing
                and u('moved', person) < 0.012 and email not like 'info@%'
                then whole_second(born + (0.1 + 0.85 * u('moved at', person)) * ({END} - born))
            end as moved_mail_at
        from named
        """
    )
