-- Any table of text: fields between delimiters, quoted where the layout says so. Quoted fields are
-- told by splitting at the quotes: every second piece lies between two, and an empty piece outside
-- is a doubled quote. Header lines are no rows.
-- Grain: one raw line. Key: row. Inputs: lines (row, text, problem), layout (one row).
with cut as (
    select
        t.row,
        t.text,
        t.problem,
        string_split(
            case
                when p.quotes and contains(t.text, '"') then array_to_string(
                    list_transform(
                        string_split(rtrim(t.text, chr(13) || chr(10)), '"'),
                        lambda piece, place: case
                            when place % 2 = 0 then piece
                            when
                                piece = '' and place > 1
                                and place < len(string_split(rtrim(t.text, chr(13) || chr(10)), '"'))
                                then '"'
                            else replace(piece, p.delimiter, chr(31))
                        end
                    ),
                    ''
                )
                when p.quotes then replace(rtrim(t.text, chr(13) || chr(10)), p.delimiter, chr(31))
                else rtrim(t.text, chr(13) || chr(10))
            end,
            case when p.quotes then chr(31) else p.delimiter end
        ) as fields
    from lines as t
    cross join layout as p
    where p.header is null or rtrim(t.text, chr(13) || chr(10)) != p.header
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
