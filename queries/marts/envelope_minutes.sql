-- Events of each class by the minute of their envelope's clock, in the window of that time; where
-- there is no envelope, by their own. One row per (finding_id, bucket_start, window_name).
with

events_ as (

    select
        finding_id,
        origin,
        coalesce(observed_timestamp, timestamp) as envelope_timestamp
    from int_finding_events

),

windows_ as (

    select distinct
        origin,
        window_name,
        window_start,
        window_end
    from stg_windows

),

placed as (

    select
        events_.finding_id,
        windows_.window_name,
        events_.envelope_timestamp
    from events_
    inner join windows_
        on
            events_.origin = windows_.origin
            and events_.envelope_timestamp >= windows_.window_start
            and events_.envelope_timestamp < windows_.window_end

),

counted as (

    select
        finding_id,
        window_name,
        date_trunc('minute', envelope_timestamp) as bucket_start,
        count(*) as event_count,
        min(envelope_timestamp) as first_timestamp
    from placed
    group by finding_id, window_name, bucket_start

)

select * from counted
order by finding_id asc, window_name asc, bucket_start asc
