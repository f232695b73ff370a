-- Kept events that stand in their file after lines of an hour and more later: old events that came
-- late. One row per (service_name, window_name) with such events; window_name is null for those
-- that lie in neither window.
with

events_ as (

    select
        service_name,
        window_name,
        timestamp,
        max(timestamp) over (
            partition by origin, log_file_path, container_name, log_iostream
            order by line_number asc, byte_offset asc
            rows between unbounded preceding and 1 preceding
        ) as latest_before
    from stg_events
    where
        timestamp is not null
        and time_source = 'payload'
        and not coalesce(list_contains(time_flags, 'reversed_file'), false)

),

counted as (

    select
        service_name,
        window_name,
        count(*) as event_count,
        count(*) filter (where timestamp < latest_before - interval '1 hour') as late_count,
        max(epoch(latest_before - timestamp)) as late_seconds,
        min(timestamp) filter (
            where timestamp < latest_before - interval '1 hour'
        ) as first_timestamp,
        max(timestamp) filter (
            where timestamp < latest_before - interval '1 hour'
        ) as last_timestamp
    from events_
    group by service_name, window_name

),

late as (

    select * from counted
    where late_count > 0

)

select * from late
order by service_name asc, window_name asc
