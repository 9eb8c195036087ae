{%- set bounds = var('partner_bounds') %}
{%- set least = var('partner_least_observations') %}
{%- set since = cutoff() ~ ' - interval 365 day' %}
{%- set recently = cutoff() ~ ' - interval ' ~ var('partner_recent_days') ~ ' day' %}

with

contacts as (

    select
        *,
        occurred_at >= {{ recently }} as is_recent,
        -- whole thousandths add up to the same in any order; what we say of ourselves is no answer
        case
            when direction is distinct from 'outbound' then cast(round(1000 * sentiment_score) as bigint)
        end as tone
    from {{ ref('int_partners__contacts') }}
    where occurred_at >= {{ since }}

),

counted as (

    select
        partner_id,
        count(*) as contact_count,
        count(*) filter (where is_human) as human_touch_count,
        count(*) filter (where direction = 'inbound') as inbound_count,
        count(*) filter (where direction = 'outbound') as outbound_count,
        count(*) filter (where direction = 'outbound' and is_human) as human_outbound_count,
        count(*) filter (where direction = 'outbound' and is_recent) as recent_outbound_count,
        {% for side, direction in [('written', 'inbound'), ('asked', 'outbound')] %}
        count(*) filter (where direction = '{{ direction }}' and is_awaited) as {{ side }}_count,
        count(*) filter (where direction = '{{ direction }}' and is_awaited and is_answered)
            as {{ side }}_answered_count,
        count(*) filter (where direction = '{{ direction }}' and is_awaited and is_slow)
            as {{ side }}_slow_count,
        median(waited_hours) filter (where direction = '{{ direction }}' and is_awaited)
            as {{ side }}_median_hours,
        sum(cast(round(1e6 * answer_credit) as bigint)) filter (where direction = '{{ direction }}' and is_awaited)
            as {{ side }}_credit,
        {% endfor %}
        count(*) filter (where direction = 'inbound' and is_awaited and is_recent) as recent_written_count,
        count(*) filter (where direction = 'inbound' and is_awaited and is_slow and is_recent)
            as recent_slow_count,
        {% for when, condition in [('recent', 'is_recent'), ('earlier', 'not is_recent')] %}
        count(tone) filter (where {{ condition }}) as {{ when }}_tone_count,
        sum(tone) filter (where {{ condition }}) as {{ when }}_tone,
        sum(tone * tone) filter (where {{ condition }}) as {{ when }}_tone_squares,
        {% endfor %}
        max(contact_date) as last_contact_date
    from contacts
    group by partner_id

),

-- The largest share that lies with one person: of ours, and of theirs.
{% for side, person in [('owner', 'owner_id'), ('person', 'contact_id')] %}
{{ side }}_touches as (

    select
        partner_id,
        sum(touch_count) as touch_count,
        count(*) as people_count,
        max(touch_count) as largest_count
    from (
        select
            partner_id,
            {{ person }},
            count(*) as touch_count
        from contacts
        where is_human and {{ person }} is not null
        group by partner_id, {{ person }}
    ) as touches
    group by partner_id

),

{% endfor %}
issues as (

    select
        partner_id,
        opened_at,
        opened_at >= {{ since }} as is_of_the_year,
        opened_at < {{ cutoff() }} - interval {{ var('partner_settle_days') }} day as is_due,
        coalesce(severity in ('high', 'critical'), false) as is_severe,
        coalesce(direction = 'inbound', false) as is_theirs,
        coalesce(closed_at >= {{ cutoff() }}, true) as is_open,
        case when first_answered_at >= opened_at and first_answered_at < {{ cutoff() }} then first_answered_at end
            as answered_at,
        case when closed_at >= opened_at and closed_at < {{ cutoff() }} then closed_at end as closed_at
    from {{ ref('canonical_partner_issues') }}
    where opened_at < {{ cutoff() }}

),

issue_counts as (

    select
        partner_id,
        count(*) filter (where is_of_the_year) as issue_count,
        count(*) filter (where is_open) as open_issue_count,
        count(*) filter (where is_open and is_severe) as severe_open_issue_count,
        count(*) filter (where is_open and is_theirs and answered_at is null) as unanswered_issue_count,
        max(case when is_open then {{ hours_between('opened_at', cutoff()) }} end) / 24e0 as oldest_open_issue_days,
        median(case when is_open then {{ hours_between('opened_at', cutoff()) }} end) / 24e0
            as median_open_issue_days,
        count(answered_at) filter (where is_of_the_year and is_theirs) as answered_issue_count,
        median(case when is_of_the_year and is_theirs then {{ hours_between('opened_at', 'answered_at') }} end)
            as median_issue_response_hours,
        count(*) filter (where is_of_the_year and is_due) as due_issue_count,
        count(*) filter (where is_of_the_year and is_due and is_open) as overdue_issue_count,
        count(closed_at) filter (where is_of_the_year) as closed_issue_count,
        median(case when is_of_the_year then {{ hours_between('opened_at', 'closed_at') }} end)
            as median_resolution_hours
    from issues
    group by partner_id

),

joined as (

    select
        partners.partner_id,
        partners.partner_kind,
        partners.owner_id,
        partners.is_active,
        {% for count in [
            'contact', 'human_touch', 'inbound', 'outbound', 'human_outbound', 'recent_outbound', 'written',
            'written_answered', 'written_slow', 'asked', 'asked_answered', 'asked_slow', 'recent_written',
            'recent_slow', 'recent_tone', 'earlier_tone',
        ] %}
        coalesce(counted.{{ count }}_count, 0) as {{ count }}_count,
        {% endfor %}
        {% for side in ['written', 'asked'] %}
        counted.{{ side }}_median_hours,
        counted.{{ side }}_credit,
        {% endfor %}
        {% for when in ['recent', 'earlier'] %}
        counted.{{ when }}_tone,
        counted.{{ when }}_tone_squares,
        {% endfor %}
        counted.last_contact_date,
        {% for side in ['owner', 'person'] %}
        coalesce({{ side }}_touches.touch_count, 0) as {{ side }}_touch_count,
        coalesce({{ side }}_touches.people_count, 0) as {{ side }}_count,
        coalesce({{ side }}_touches.largest_count, 0) as {{ side }}_largest_count,
        {% endfor %}
        {% for count in [
            'issue', 'open_issue', 'severe_open_issue', 'unanswered_issue', 'answered_issue', 'closed_issue',
            'due_issue', 'overdue_issue',
        ] %}
        coalesce(issue_counts.{{ count }}_count, 0) as {{ count }}_count,
        {% endfor %}
        issue_counts.oldest_open_issue_days,
        issue_counts.median_open_issue_days,
        issue_counts.median_issue_response_hours,
        issue_counts.median_resolution_hours
    from {{ ref('dim_partners') }} as partners
    left join counted on partners.partner_id = counted.partner_id
    left join owner_touches on partners.partner_id = owner_touches.partner_id
    left join person_touches on partners.partner_id = person_touches.partner_id
    left join issue_counts on partners.partner_id = issue_counts.partner_id

),

-- How far lately is from before: of the tone by its standard error (Welch), of slow answers with a case more on each
-- side (Agresti and Caffo 2000), so that one of one is no news.
compared as (

    select
        *,
        recent_tone / nullif(recent_tone_count, 0) / 1000e0 as recent_sentiment,
        earlier_tone / nullif(earlier_tone_count, 0) / 1000e0 as earlier_sentiment,
        {% for when in ['recent', 'earlier'] %}
        (
            {{ when }}_tone_squares - cast({{ when }}_tone as double) * {{ when }}_tone / nullif({{ when }}_tone_count, 0)
        ) / 1e6 / nullif({{ when }}_tone_count - 1, 0) / nullif({{ when }}_tone_count, 0)
            as {{ when }}_sentiment_error,
        {% endfor %}
        (recent_slow_count + 1e0) / (recent_written_count + 2) as recent_slow_share,
        (written_slow_count - recent_slow_count + 1e0) / (written_count - recent_written_count + 2)
            as earlier_slow_share
    from joined

),

told as (

    select
        *,
        recent_sentiment - earlier_sentiment as sentiment_change,
        {{ student_quantile('greatest(least(recent_tone_count, earlier_tone_count) - 1, 1)') }}
        * sqrt(recent_sentiment_error + earlier_sentiment_error) as sentiment_margin,
        (recent_slow_share - earlier_slow_share) / sqrt(
            recent_slow_share * (1 - recent_slow_share) / (recent_written_count + 2)
            + earlier_slow_share * (1 - earlier_slow_share) / (written_count - recent_written_count + 2)
        ) as slow_deviations,
        {{ count_low('recent_outbound_count') }} * 30 / {{ var('partner_recent_days') }} as outbound_30d_low,
        {{ wilson_low('written_slow_count', 'written_count') }} as slow_share_low,
        {{ wilson_low('asked_count', '(asked_count + written_count)') }} as initiative_share_low,
        {{ wilson_low('overdue_issue_count', 'due_issue_count') }} as overdue_share_low,
        {{ wilson_high('owner_largest_count', 'owner_touch_count') }} as owner_continuity_high,
        {{ wilson_high('person_largest_count', 'person_touch_count') }} as person_continuity_high
    from compared

),

-- Each question has three answers: yes, surely; no; and null where too few tell.
judged as (

    select
        *,
        case when written_count >= {{ least }} then slow_share_low > {{ bounds.slow_share }} end as is_neglected,
        case
            when asked_count + written_count >= {{ least }}
                then
                    outbound_30d_low > {{ bounds.contacts_30d }}
                    and initiative_share_low > {{ bounds.initiative_share }}
        end as is_overloaded,
        case when due_issue_count >= {{ least }} then overdue_share_low > {{ bounds.open_share }} end as is_unsettled,
        {% for side in ['owner', 'person'] %}
        case
            when {{ side }}_touch_count >= {{ least }}
                then {{ side }}_continuity_high < {{ bounds.continuity }}
        end as is_{{ side }}_unsteady,
        {% endfor %}
        case
            when recent_tone_count >= {{ least }} and earlier_tone_count >= {{ least }}
                then
                    case
                        when
                            sentiment_change + sentiment_margin < 0
                            and sentiment_change <= -{{ bounds.sentiment_fall }}
                            then 'worse'
                        when
                            sentiment_change - sentiment_margin > 0
                            and sentiment_change >= {{ bounds.sentiment_fall }}
                            then 'better'
                        else 'steady'
                    end
            else 'too_few'
        end as sentiment_trend,
        case
            when
                least(recent_written_count, written_count - recent_written_count) >= {{ least }}
                then
                    case
                        when slow_deviations > {{ var('confidence_z') }} then 'worse'
                        when slow_deviations < -{{ var('confidence_z') }} then 'better'
                        else 'steady'
                    end
            else 'too_few'
        end as response_trend
    from told

),

decided as (

    select
        *,
        -- of one side that is not known the other tells
        coalesce(is_owner_unsteady or is_person_unsteady, is_owner_unsteady, is_person_unsteady) as is_unsteady,
        case when sentiment_trend <> 'too_few' then sentiment_trend = 'worse' end as is_souring
    from judged

),

verdicts as (

    select
        *,
        case
            when is_souring then 'souring'
            when is_neglected then 'neglected'
            when is_overloaded then 'overloaded'
            when is_unsettled then 'unsettled'
            when is_unsteady then 'unsteady'
            -- who knows whom is no judgement of those who hardly speak
            when is_overloaded is null then 'too_few'
            else 'fine'
        end as verdict
    from decided

)

select
    partner_id,
    {{ as_of_date() }} as as_of_date,
    cast(partner_kind as string) as partner_kind,
    owner_id,
    is_active,
    cast(contact_count as bigint) as contact_count_365d,
    cast(inbound_count as bigint) as inbound_contact_count_365d,
    cast(outbound_count as bigint) as outbound_contact_count_365d,
    cast(human_touch_count as bigint) as human_touch_count_365d,
    last_contact_date,
    cast(round({{ ratio('human_outbound_count', 'outbound_count') }} * 1e6) / 1e6 as double) as given_human_share,
    cast(round(recent_outbound_count * 30e0 / {{ var('partner_recent_days') }} * 1e2) / 1e2 as double)
        as outbound_contacts_per_30d,
    cast(written_count as bigint) as written_count_365d,
    cast(written_answered_count as bigint) as answered_count_365d,
    cast(round({{ ratio('written_answered_count', 'written_count') }} * 1e6) / 1e6 as double) as answered_share,
    cast(round({{ wilson_low('written_answered_count', 'written_count') }} * 1e6) / 1e6 as double) as answered_share_low,
    cast(round({{ wilson_high('written_answered_count', 'written_count') }} * 1e6) / 1e6 as double) as answered_share_high,
    cast(written_slow_count as bigint) as slow_count_365d,
    cast(round(written_median_hours * 1e2) / 1e2 as double) as median_first_response_hours,
    cast(round(written_credit / 1e6 / nullif(written_count, 0) * 1e6) / 1e6 as double) as given_reciprocity,
    cast(asked_count as bigint) as asked_count_365d,
    cast(asked_answered_count as bigint) as replied_count_365d,
    cast(round({{ ratio('asked_answered_count', 'asked_count') }} * 1e6) / 1e6 as double) as replied_share,
    cast(round({{ wilson_low('asked_answered_count', 'asked_count') }} * 1e6) / 1e6 as double) as replied_share_low,
    cast(round({{ wilson_high('asked_answered_count', 'asked_count') }} * 1e6) / 1e6 as double) as replied_share_high,
    cast(round(asked_median_hours * 1e2) / 1e2 as double) as median_reply_hours,
    cast(round(asked_credit / 1e6 / nullif(asked_count, 0) * 1e6) / 1e6 as double) as received_reciprocity,
    cast(round({{ ratio('asked_count', '(asked_count + written_count)') }} * 1e6) / 1e6 as double) as initiative_share,
    cast(owner_touch_count as bigint) as owner_touch_count_365d,
    cast(owner_count as bigint) as owner_count_365d,
    cast(round({{ ratio('owner_largest_count', 'owner_touch_count') }} * 1e6) / 1e6 as double) as owner_continuity,
    cast(person_touch_count as bigint) as person_touch_count_365d,
    cast(person_count as bigint) as person_count_365d,
    cast(round({{ ratio('person_largest_count', 'person_touch_count') }} * 1e6) / 1e6 as double) as person_continuity,
    cast(recent_tone_count + earlier_tone_count as bigint) as sentiment_count_365d,
    cast(
        round(
            (coalesce(recent_tone, 0) + coalesce(earlier_tone, 0)) / 1000e0
            / nullif(recent_tone_count + earlier_tone_count, 0) * 1e4
        ) / 1e4 as double
    ) as mean_sentiment,
    cast(recent_tone_count as bigint) as recent_sentiment_count,
    cast(round(recent_sentiment * 1e4) / 1e4 as double) as recent_sentiment,
    cast(round(earlier_sentiment * 1e4) / 1e4 as double) as earlier_sentiment,
    cast(sentiment_trend as string) as sentiment_trend,
    cast(response_trend as string) as response_trend,
    cast(issue_count as bigint) as issue_count_365d,
    cast(open_issue_count as bigint) as open_issue_count,
    cast(severe_open_issue_count as bigint) as severe_open_issue_count,
    cast(unanswered_issue_count as bigint) as unanswered_issue_count,
    cast(due_issue_count as bigint) as due_issue_count_365d,
    cast(overdue_issue_count as bigint) as overdue_issue_count_365d,
    cast(round(oldest_open_issue_days * 1e2) / 1e2 as double) as oldest_open_issue_days,
    cast(round(median_open_issue_days * 1e2) / 1e2 as double) as median_open_issue_days,
    cast(answered_issue_count as bigint) as answered_issue_count_365d,
    cast(round(median_issue_response_hours * 1e2) / 1e2 as double) as median_issue_response_hours,
    cast(closed_issue_count as bigint) as closed_issue_count_365d,
    cast(round(median_resolution_hours * 1e2) / 1e2 as double) as median_resolution_hours,
    is_neglected,
    is_overloaded,
    is_unsettled,
    is_unsteady,
    is_souring,
    cast(verdict as string) as verdict,
    cast(
        case verdict
            when 'souring'
                then
                    'They speak less kindly to us: ' || cast(round(recent_sentiment * 1e2) / 1e2 as decimal(4, 2))
                    || ' lately, ' || cast(round(earlier_sentiment * 1e2) / 1e2 as decimal(4, 2)) || ' before.'
            when 'neglected'
                then
                    'They wait: of ' || written_count || ' conversations that they began '
                    || written_slow_count || ' had no answer within ' || {{ var('slow_first_response_hours') }}
                    || ' hours.'
            when 'overloaded'
                then
                    'We write too much: ' || cast(
                        round(recent_outbound_count * 30e0 / {{ var('partner_recent_days') }}) as bigint
                    ) || ' contacts in 30 days, and we began ' || asked_count || ' of '
                    || asked_count + written_count || ' conversations.'
            when 'unsettled'
                then
                    'Nothing is put right: of ' || due_issue_count || ' issues ' || overdue_issue_count
                    || ' are open after more than ' || {{ var('partner_settle_days') }} || ' days.'
            when 'unsteady'
                then
                    'Nobody knows the other: '
                    || case
                        when is_owner_unsteady and is_person_unsteady
                            then
                                owner_count || ' of ours and ' || person_count || ' of theirs, and none of them has half.'
                        when is_owner_unsteady
                            then
                                owner_count || ' of ours, and the steadiest had ' || owner_largest_count || ' of '
                                || owner_touch_count || ' contacts.'
                        else
                            person_count || ' of theirs, and the steadiest had ' || person_largest_count || ' of '
                            || person_touch_count || ' contacts.'
                    end
            when 'fine' then 'Nothing stands out of what can be told.'
            else 'Fewer than ' || {{ least }} || ' conversations.'
        end as string
    ) as verdict_reason
from verdicts
