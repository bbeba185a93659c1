-- Any table of text: fields between delimiters, quoted where the layout says so. Quoted fields are
-- told by splitting at the quotes: every second piece lies between two, and an empty piece outside
-- is a doubled quote. Header lines are no rows.
-- Grain: one raw line. Key: row. Input: lines (row, text, problem). Settings: delimiter, quotes,
-- header, num_columns, user_place, item_place, rating_place, time_place.
with stripped as (
    select
        row,
        text,
        problem,
        rtrim(text, chr(13) || chr(10)) as line,
        getvariable('quotes') and contains(text, '"') as is_quoted
    from lines
    where
        getvariable('header') is null
        or rtrim(text, chr(13) || chr(10)) != getvariable('header')
),

pieces as (
    select
        row,
        text,
        problem,
        line,
        is_quoted,
        case when is_quoted then string_split(line, '"') end as parts
    from stripped
),

cut as (
    select
        row,
        text,
        problem,
        case
            when not is_quoted then string_split(line, getvariable('delimiter'))
            else string_split(
                array_to_string(
                    list_transform(
                        range(1, len(parts) + 1),
                        lambda n: case
                            when n % 2 = 0 then parts[n]
                            when parts[n] = '' and n > 1 and n < len(parts) then '"'
                            else replace(parts[n], getvariable('delimiter'), chr(31))
                        end
                    ),
                    ''
                ),
                chr(31)
            )
        end as fields
    from pieces
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
