-- Keys that a rule takes, with the class that the first of the rules gives. One row per key_id.
with

hits as (

    select * from int_pattern_hits

),

ranked as (

    select
        key_id,
        error_class,
        error_kind,
        row_number() over (
            partition by key_id
            order by rule_order asc, pattern_order asc
        ) as priority
    from hits

),

first_hits as (

    select
        key_id,
        error_class,
        error_kind
    from ranked
    where priority = 1

)

select * from first_hits
order by key_id asc
