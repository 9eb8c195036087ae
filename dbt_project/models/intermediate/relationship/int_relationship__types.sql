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
    string_split(channels, ' ') as treatment_channels,
    tone as treatment_tone,
    has_human_desk,
    gets_offers
from {{ ref('relationship_types') }}
