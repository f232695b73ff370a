-- Seconds between consecutive events of each class in the candidate window, in its busiest hour.
-- One row per finding_id with at least three events in that hour.
with

events_ as (

    select
        finding_id,
        timestamp,
        date_trunc('hour', timestamp) as hour_start
    from int_finding_events
    where window_name = 'candidate'

),

hours as (

    select
        finding_id,
        hour_start,
        count(*) as event_count
    from events_
    group by finding_id, hour_start

),

busiest as (

    select
        finding_id,
        arg_max(hour_start, (event_count, -epoch(hour_start))) as hour_start
    from hours
    group by finding_id

),

gaps as (

    select
        events_.finding_id,
        epoch(events_.timestamp - lag(events_.timestamp) over (
            partition by events_.finding_id
            order by events_.timestamp asc
        )) as seconds
    from events_
    inner join busiest
        on
            events_.finding_id = busiest.finding_id
            and events_.hour_start = busiest.hour_start

),

summarised as (

    select
        finding_id,
        quantile_cont(seconds, 0.1) as p10,
        quantile_cont(seconds, 0.5) as p50,
        quantile_cont(seconds, 0.9) as p90
    from gaps
    where seconds is not null
    group by finding_id
    having count(*) >= 2

)

select * from summarised
order by finding_id asc
