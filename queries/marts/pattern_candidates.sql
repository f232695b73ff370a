-- Patterns that some key may match, in the order of trial. One row per (rule_order, pattern_order).
with

candidates as (

    select distinct
        rule_order,
        pattern_order
    from int_pattern_candidates

),

patterns_ as (

    select * from stg_patterns

),

joined as (

    select
        patterns_.rule_order,
        patterns_.pattern_order,
        patterns_.error_class,
        patterns_.error_kind,
        patterns_.regex
    from candidates
    inner join patterns_
        on
            candidates.rule_order = patterns_.rule_order
            and candidates.pattern_order = patterns_.pattern_order

)

select * from joined
order by rule_order asc, pattern_order asc
