-- Errors by class, whatever the exception; null: no rule names it. One row per error_class.
with

events_ as (

    select * from int_finding_events
    where kind = 'error'

),

counted as (

    select
        error_class,
        count(*) filter (where window_name = 'baseline') as baseline_count,
        count(*) filter (where window_name = 'candidate') as candidate_count
    from events_
    group by error_class

)

select * from counted
order by candidate_count desc, error_class asc nulls last
