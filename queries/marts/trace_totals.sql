-- Kept events that name a trace, and how many traces they name, in each window.
-- One row per window_name.
with

events_ as (

    select
        window_name,
        trace_id
    from stg_events
    where trace_id is not null and window_name is not null and not is_copy

),

counted as (

    select
        window_name,
        count(*) as event_count,
        count(distinct trace_id) as trace_count
    from events_
    group by window_name

)

select * from counted
order by window_name asc
