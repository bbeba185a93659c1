-- Any table of text: fields between delimiters, quoted where the layout says so. Quoted fields are
-- told by splitting at the quotes: every second piece lies between two, and an empty piece outside
-- is a doubled quote. Header lines are no rows.
-- Grain: one raw line. Key: row. Inputs: lines (row, text, problem), layout (one row).
with stripped as (
    select
        t.row,
        t.text,
        t.problem,
        p.delimiter,
        rtrim(t.text, chr(13) || chr(10)) as line,
        p.quotes and contains(t.text, '"') as is_quoted
    from lines as t
    cross join layout as p
    where p.header is null or rtrim(t.text, chr(13) || chr(10)) != p.header
),

pieces as (
    select
        row,
        text,
        problem,
        delimiter,
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
            when not is_quoted then string_split(line, delimiter)
            else string_split(
                array_to_string(
                    list_transform(
                        range(1, len(parts) + 1),
                        lambda n: case
                            when n % 2 = 0 then parts[n]
                            when parts[n] = '' and n > 1 and n < len(parts) then '"'
                            else replace(parts[n], delimiter, chr(31))
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
    c.row,
    c.text,
    case
        when c.problem is not null then c.problem
        when len(c.fields) < p.num_columns then 'truncated'
        when len(c.fields) > p.num_columns then 'too_many_fields'
    end as problem,
    c.fields[p.user_place] as user,
    c.fields[p.item_place] as item,
    c.fields[p.rating_place] as rating,
    c.fields[p.time_place] as time
from cut as c
cross join layout as p
