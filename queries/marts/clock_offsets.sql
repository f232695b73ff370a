-- How far the own time of kept events is from that of their envelope, in half hours and seconds.
-- One row per (service_name, window_name, half_hours).
-- Times more than a day apart are not here: there the envelope's stands.
with

events_ as (

    select
        service_name,
        window_name,
        epoch(timestamp - observed_timestamp) as ahead_seconds
    from stg_events
    where
        window_name is not null and time_source = 'payload'
        and observed_timestamp is not null and not is_copy

),

counted as (

    select
        service_name,
        window_name,
        round(ahead_seconds / 1800)::bigint as half_hours,
        count(*) as event_count,
        quantile_cont(ahead_seconds, 0.1) as p10,
        quantile_cont(ahead_seconds, 0.5) as p50,
        quantile_cont(ahead_seconds, 0.9) as p90
    from events_
    group by service_name, window_name, half_hours

)

select * from counted
order by service_name asc, window_name asc, half_hours asc
