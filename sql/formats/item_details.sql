-- What is known of items, one JSON object a line: Amazon's metadata (2014 and 2018: asin, title,
-- brand, categories or category; 2023: parent_asin, title, store, categories) and Yelp's businesses
-- (business_id, name, categories as one text). Nested categories are flattened.
-- Grain: one raw line. Key: row. Input: json_lines (row, text, json, problem).
with parsed as (
    select
        row,
        problem,
        json_extract_string(
            json,
            [
                '$.parent_asin',
                '$.asin',
                '$.business_id',
                '$.title',
                '$.name',
                '$.brand',
                '$.store'
            ]
        ) as fields,
        coalesce(json_extract(json, '$.categories'), json_extract(json, '$.category')) as told
    from json_lines
),

named as (
    select
        row,
        problem,
        fields,
        case
            when json_type(told) = 'VARCHAR' then string_split(json_extract_string(told, '$'), ', ')
            when json_type(told) = 'ARRAY' and json_type(told, '$[0]') = 'ARRAY'
                then json_extract_string(told, '$[*][*]')
            when json_type(told) = 'ARRAY' then json_extract_string(told, '$[*]')
        end as names
    from parsed
)

select
    row,
    problem,
    coalesce(fields[1], fields[2], fields[3]) as item,
    nullif(trim(coalesce(fields[4], fields[5])), '') as title,
    nullif(trim(coalesce(fields[6], fields[7])), '') as brand,
    list_select(
        names,
        list_filter(range(1, len(names) + 1), lambda n: list_position(names, names[n]) = n)
    ) as categories
from named
