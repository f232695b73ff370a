-- What each service logged by minute. One row per (service_name, bucket_start, window_name).
with

minutes_ as (

    select * from stg_minutes

),

counted as (

    select
        service_name,
        window_name,
        bucket_start,
        sum(event_count)::bigint as event_count,
        sum(error_count)::bigint as error_count,
        sum(request_count)::bigint as request_count,
        sum(event_count - error_count - warning_count)::bigint as calm_event_count,
        min(first_timestamp) as first_timestamp,
        max(last_timestamp) as last_timestamp
    from minutes_
    group by service_name, window_name, bucket_start

)

select * from counted
order by service_name asc, window_name asc, bucket_start asc
