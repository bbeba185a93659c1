-- What is known of items, one JSON object a line: Amazon's metadata (2014 and 2018: asin, title,
-- brand, categories or category; 2023: parent_asin, title, store, categories) and Yelp's businesses
-- (business_id, name, categories as one text). Nested categories are flattened.
-- Grain: one raw line. Key: row. Input: json_lines (row, text, json, problem).
with parsed as (
    select
        row,
        problem,
        json_extract_string(
            json, ['$.parent_asin', '$.asin', '$.business_id', '$.title', '$.name', '$.brand', '$.store']
        ) as fields,
        coalesce(json_extract(json, '$.categories'), json_extract(json, '$.category')) as categories
    from json_lines
)

select
    row,
    problem,
    coalesce(fields[1], fields[2], fields[3]) as item,
    trim(coalesce(fields[4], fields[5])) as title,
    trim(coalesce(fields[6], fields[7])) as brand,
    case
        when json_type(categories) = 'VARCHAR'
            then string_split(json_extract_string(categories, '$'), ', ')
        when json_type(categories) = 'ARRAY' and json_type(categories, '$[0]') = 'ARRAY'
            then list_filter(
                json_extract_string(categories, '$[*][*]'),
                lambda name, place:
                list_position(json_extract_string(categories, '$[*][*]'), name) = place
            )
        when json_type(categories) = 'ARRAY' then json_extract_string(categories, '$[*]')
    end as categories
from parsed
