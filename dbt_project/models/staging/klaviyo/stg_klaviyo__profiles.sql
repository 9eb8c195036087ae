with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'klaviyo' and object_type = 'profiles'

),

versions as (

    select
        base.*,
        {{ is_removed('base', 'removals', can_be_archived=false) }} as is_removed,
        {{ is_erased('base', 'removals', can_be_archived=false) }} as is_erased
    from {{ ref('base_klaviyo__profiles') }} as base
    left join removals
        on base.profile_id = removals.record_id
    where {{ is_staged() }}

)

select
    profile_id,
    external_id,
    case when not is_erased then email end as email,
    case when not is_erased then first_name end as first_name,
    case when not is_erased then last_name end as last_name,
    case when not is_erased then phone end as phone,
    locale,
    case when not is_erased then city end as city,
    time_zone,
    email_consent,
    email_consent_at,
    email_consent_method,
    can_receive_email_marketing,
    sms_consent,
    sms_consent_at,
    sms_consent_method,
    can_receive_sms_marketing,
    push_consent,
    push_consent_at,
    can_receive_push_marketing,
    suppressions,
    list_suppressions,
    is_removed,
    first_load_date,
    created_at,
    updated_at
from versions
