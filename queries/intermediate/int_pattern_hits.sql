-- Patterns that take a key. One row per (key_id, rule_order, pattern_order).
-- The literal is a cheap test, which the regex then only has to confirm.
with

keys_ as (

    select * from stg_keys

),

patterns_ as (

    select * from stg_patterns

),

candidates as (

    select
        keys_.key_id,
        keys_.text,
        patterns_.rule_order,
        patterns_.pattern_order,
        patterns_.error_class,
        patterns_.error_kind,
        patterns_.regex
    from keys_
    inner join patterns_ on contains(keys_.folded_text, patterns_.literal)

),

confirmed as (

    select * from candidates
    where regexp_matches(text, regex)

)

select * from confirmed
