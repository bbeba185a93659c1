-- Yelp reviews, one JSON object a line; dates are read as UTC.
-- Grain: one raw line. Key: row. Input: lines (row, text, is_utf8).
with parsed as (
    select
        row,
        text,
        is_utf8,
        case
            when is_utf8 and json_valid(text) then json_extract_string(
                text, ['$.user_id', '$.business_id', '$.stars', '$.date']
            )
        end as fields
    from lines
)

select
    row,
    text,
    case
        when not is_utf8 then 'not_utf8'
        when fields is not null then null
        when starts_with(ltrim(text), '{') then 'truncated'
        else 'not_json'
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    cast(epoch(try_strptime(fields[4], '%Y-%m-%d %H:%M:%S')) as bigint) as seconds
from parsed
