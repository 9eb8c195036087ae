{{ config(
    post_hook="{{ rank_lines_anew(\"load_id || coalesce(landed_file, '')\", is_whole=true) }}"
) }}

select
    *,
    1 as line_number,
    false as is_repeat
from ({{ mapped('order_lines') }}) as lines
