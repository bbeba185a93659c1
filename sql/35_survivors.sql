-- All interactions of the users of the core, and whether their item is of the core too; read once
-- more from the file, so that strings are kept for these alone.
-- Grain: one interaction. Key: row. Inputs: keyed, user_counts, item_counts (of the core).
select
    k.user,
    k.item,
    k.timestamp,
    k.row,
    k.user_key,
    k.item_key,
    i.item_key is not null as is_core
from keyed as k
semi join user_counts as u on k.user_key = u.user_key
left join item_counts as i on k.item_key = i.item_key
