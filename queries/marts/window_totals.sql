-- Events of all kinds in each window, from the counts of all events; copies are subtracted where
-- kept events show them. One row per window_name.
with

minutes_ as (

    select * from stg_minutes

),

copies as (

    select
        window_name,
        count(*) as copy_count,
        count(*) filter (where kind = 'error') as error_copy_count,
        count(*) filter (where kind = 'warning') as warning_copy_count,
        count(*) filter (where kind = 'failed_request') as failed_request_copy_count
    from stg_events
    where is_copy and window_name is not null
    group by window_name

),

counted as (

    select
        window_name,
        sum(event_count) as event_count,
        sum(error_count) as error_count,
        sum(warning_count) as warning_count,
        sum(request_count) as request_count,
        sum(failed_request_count) as failed_request_count,
        min(first_timestamp) as first_timestamp,
        max(last_timestamp) as last_timestamp
    from minutes_
    group by window_name

),

corrected as (

    select
        counted.window_name,
        counted.first_timestamp,
        counted.last_timestamp,
        (counted.event_count - coalesce(copies.copy_count, 0))::bigint as event_count,
        (counted.error_count - coalesce(copies.error_copy_count, 0))::bigint as error_count,
        (counted.warning_count - coalesce(copies.warning_copy_count, 0))::bigint as warning_count,
        (counted.request_count - coalesce(copies.failed_request_copy_count, 0))::bigint
            as request_count,
        (counted.failed_request_count - coalesce(copies.failed_request_copy_count, 0))::bigint
            as failed_request_count,
        coalesce(copies.copy_count, 0)::bigint as copy_count
    from counted
    left join copies on counted.window_name = copies.window_name

)

select * from corrected
order by window_name asc
