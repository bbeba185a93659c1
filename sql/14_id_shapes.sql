-- Whether users or items look like Amazon's product numbers (ASIN): what tells the two layouts of
-- its rating files apart, whose columns differ only in their order.
-- Grain: one row in all. Input: fields.
select
    count(*) filter (where regexp_full_match(user, '(B[0-9A-Z]{9}|[0-9]{9}[0-9X])')) as asin_users,
    count(*) filter (where regexp_full_match(item, '(B[0-9A-Z]{9}|[0-9]{9}[0-9X])')) as asin_items
from fields
