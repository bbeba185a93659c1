-- Lines as JSON text: as they are, or made from a Python literal ("loose" lines: single quotes,
-- None, True, False) token by token, never by running it; null where a line is neither.
-- A string's escapes become JSON's: pairs of backslashes are put aside (chr(1)), quotes are bared,
-- the double one is escaped, \xNN becomes \u00NN.
-- Grain: one raw line. Key: row. Input: lines (row, text, problem).
with strict as (
    select
        row,
        text,
        problem,
        problem is null and json_valid(text) as is_json
    from lines
),

loose as (
    select
        row,
        text,
        problem,
        is_json,
        case
            when
                problem is null and not is_json and regexp_matches(text, '^\s*\{\s*u?''')
                then array_to_string(
                list_transform(
                    regexp_extract_all(
                        text,
                        'u?''(?:[^''\\]|\\.)*''|u?"(?:[^"\\]|\\.)*"|[^''",:{}\[\]\s]+|[{}\[\],:''"]'
                    ),
                    lambda token: case
                        when token = 'None' then 'null'
                        when token in ('True', 'False') then lower(token)
                        when len(token) > 1 and token[-1] in ('''', '"') then concat(
                            '"',
                            replace(
                                regexp_replace(
                                    replace(
                                        regexp_replace(
                                            replace(ltrim(token, 'u')[2:-2], '\\', chr(1)),
                                            '\\([''"])', '\1', 'g'
                                        ),
                                        '"', '\"'
                                    ),
                                    '\\x([0-9a-fA-F]{2})', '\\u00\1', 'g'
                                ),
                                chr(1), '\\'
                            ),
                            '"'
                        )
                        else token
                    end
                ),
                ''
            )
        end as made
    from strict
),

told as (
    select
        row,
        text,
        problem,
        case
            when is_json then text
            when json_valid(made) then made
        end as json
    from loose
)

select
    row,
    text,
    json,
    case
        when problem is not null then problem
        when json is not null then null
        when regexp_matches(text, '^\s*\{') and not regexp_matches(text, '\}\s*$') then 'truncated'
        else 'not_json'
    end as problem
from told
