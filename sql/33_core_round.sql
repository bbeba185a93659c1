-- One round of the k-core: what is left without the users and the items that are there too few
-- times at the round's start. Grain: one edge. Inputs: edges, user_counts, item_counts. Settings:
-- min_user_count, min_item_count.
select
    e.user_key,
    e.item_key,
    e.times
from edges as e
semi join
    (select user_key from user_counts where num_edges >= getvariable('min_user_count')) as u
    on e.user_key = u.user_key
semi join
    (select item_key from item_counts where num_edges >= getvariable('min_item_count')) as i
    on e.item_key = i.item_key
