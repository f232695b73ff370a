-- Patterns of the rules, in the order of trial. One row per (rule_order, pattern_order).
with

source as (

    select * from patterns

),

renamed as (

    select
        rule_order,
        pattern_order,
        error_class,
        kind as error_kind,
        literal,
        regex
    from source

)

select * from renamed
