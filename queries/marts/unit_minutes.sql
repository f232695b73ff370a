-- Events of each class by minute, counted in three other ways: once a text, once a request, and
-- without those more than a day from their envelope's time.
-- One row per (finding_id, bucket_start, window_name).
with

events_ as (

    select * from int_event_units

),

counted as (

    select
        finding_id,
        window_name,
        date_trunc('minute', timestamp) as bucket_start,
        min(timestamp) as first_timestamp,
        count(*) filter (where not is_repeat) as text_count,
        count(*) filter (where coalesce(of_request, 1) = 1) as request_count,
        count(*) filter (where not is_far) as near_count
    from events_
    group by finding_id, window_name, bucket_start

)

select * from counted
order by finding_id asc, window_name asc, bucket_start asc
