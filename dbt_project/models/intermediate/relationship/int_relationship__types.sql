select
    relationship_type,
    closeness,
    frequency,
    reciprocity,
    human_share,
    price_focus,
    commitment,
    strain,
    seeks_relationship,
    treatment_contact_count_30d,
    -- Silence is what they may ask for, not what may be inferred: whoever is merely taken for one
    -- of a type that gets no marketing has what those have of whom too little is known.
    coalesce(nullif(treatment_contact_count_30d, 0), {{ var('contact_cap_30d') }})
        as inferred_contact_count_30d,
    string_split(channels, ' ') as treatment_channels,
    tone as treatment_tone,
    has_human_desk,
    gets_offers
from {{ ref('relationship_types') }}
