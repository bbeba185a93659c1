-- Lines cut at their commas: CSV without quotes, as Amazon's rating files are, of four columns or
-- more. Grain: one raw line. Key: row. Input: lines (row, text, problem).
with cut as (
    select
        row,
        text,
        problem,
        string_split(text, ',') as fields
    from lines
)

select
    row,
    text,
    fields,
    case
        when problem is not null then problem
        when len(fields) >= 4 then null
        when len(fields) in (2, 3) then 'truncated'
        else 'not_csv'
    end as problem
from cut
