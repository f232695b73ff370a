-- Events of each class by minute. One row per (finding_id, bucket_start, window_name).
with

events_ as (

    select * from int_finding_events

),

counted as (

    select
        finding_id,
        window_name,
        date_trunc('minute', timestamp) as bucket_start,
        count(*) as event_count,
        min(timestamp) as first_timestamp
    from events_
    group by finding_id, window_name, bucket_start

)

select * from counted
order by finding_id asc, window_name asc, bucket_start asc
