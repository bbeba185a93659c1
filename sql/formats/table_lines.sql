-- Any table of text: fields between delimiters; where quotes count, a field that begins and ends
-- with one holds delimiters and line ends, and doubled quotes for one. Header lines are no rows.
-- Grain: one raw line. Key: row. Input: lines (row, text, problem). Settings: delimiter,
-- field_pattern (null where quotes mean nothing), header, num_columns, user_place, item_place,
-- rating_place, time_place.
with stripped as (
    select
        row,
        text,
        problem,
        rtrim(text, chr(13) || chr(10)) as line
    from lines
    where
        getvariable('header') is null
        or rtrim(text, chr(13) || chr(10)) != getvariable('header')
),

cut as (
    select
        row,
        text,
        problem,
        case
            when getvariable('field_pattern') is null or not contains(line, '"')
                then string_split(line, getvariable('delimiter'))
            else list_transform(
                regexp_extract_all(
                    line || getvariable('delimiter'), getvariable('field_pattern'), 1
                ),
                lambda field: case
                    when len(field) > 1 and field[1] = '"' and field[-1] = '"'
                        then replace(field[2:-2], '""', '"')
                    else field
                end
            )
        end as fields
    from stripped
)

select
    row,
    text,
    case
        when problem is not null then problem
        when len(fields) < getvariable('num_columns') then 'truncated'
        when len(fields) > getvariable('num_columns') then 'too_many_fields'
    end as problem,
    fields[getvariable('user_place')] as user,
    fields[getvariable('item_place')] as item,
    fields[getvariable('rating_place')] as rating,
    fields[getvariable('time_place')] as time
from cut
