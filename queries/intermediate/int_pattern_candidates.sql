-- Patterns whose literal a key contains. One row per (key_id, rule_order, pattern_order).
-- The literal is a cheap test: only what passes it is worth a regex.
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
        patterns_.pattern_order
    from keys_
    inner join patterns_ on contains(keys_.folded_text, patterns_.literal)

)

select * from candidates
