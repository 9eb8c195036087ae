select
    cast({{ as_of_date() }} as string) as night,
    count(*) as customer_count,
    -- 0 where there is but one source to know anybody from.
    case
        when bool_or(has_shop_account) and bool_or(has_crm_contact or has_mailing_profile)
            then
                count(*) filter (
                    where has_shop_account and not has_crm_contact and not has_mailing_profile
                )
                / greatest(count(*) filter (where has_shop_account), 1)
        else 0
    end as unmatched_buyer_share,
    -- null where nobody has a mailing profile
    count(*) filter (where has_email_consent)
    / nullif(count(*) filter (where has_mailing_profile), 0) as consent_share
from {{ ref('dim_customers') }}
