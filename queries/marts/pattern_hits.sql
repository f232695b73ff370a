-- Keys that one pattern takes. One row per key_id.
-- Parameters: rule_order, pattern_order, regex.
-- One pattern a run: as a constant it is compiled once, as a column it would be for every row.
with

candidates as (

    select * from int_pattern_candidates
    where rule_order = $rule_order and pattern_order = $pattern_order

),

hits as (

    select key_id from candidates
    where regexp_matches(text, $regex)

)

select * from hits
order by key_id asc
