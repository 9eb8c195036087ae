{{ config(post_hook="{{ rank_lines_anew(\"load_id || coalesce(landed_file, '')\") }}") }}

select
    *,
    1 as line_number,
    false as is_repeat
from (
    {{ mapped(
        'order_lines',
        key=['order_id', 'product_id'],
        defaults={
            'retail_discount_amount': '0',
            'coupon_discount_amount': '0',
            'coupon_match_discount_amount': '0',
            'updated_at': 'cast(load_date as timestamp)',
        },
    ) }}
) as lines
