-- Events by minute of classes that several services log, for when each began. One row per
-- (finding_id, service_name, bucket_start, window_name). The twelve services with most events.
with

events_ as (

    select * from int_finding_events

),

-- Two events are no rise that could be dated.
served as (

    select
        finding_id,
        service_name,
        count(*) as candidate_count
    from events_
    where window_name = 'candidate' and service_name is not null
    group by finding_id, service_name
    having count(*) >= 3

),

ranked as (

    select
        finding_id,
        service_name,
        count(*) over (partition by finding_id) as service_count,
        row_number() over (
            partition by finding_id
            order by candidate_count desc, service_name asc
        ) as place
    from served

),

chosen as (

    select
        finding_id,
        service_name
    from ranked
    where service_count >= 2 and place <= 12

),

counted as (

    select
        events_.finding_id,
        events_.service_name,
        events_.window_name,
        date_trunc('minute', events_.timestamp) as bucket_start,
        count(*) as event_count,
        min(events_.timestamp) as first_timestamp
    from events_
    inner join chosen
        on
            events_.finding_id = chosen.finding_id
            and events_.service_name = chosen.service_name
    group by events_.finding_id, events_.service_name, events_.window_name, bucket_start

)

select * from counted
order by finding_id asc, service_name asc, window_name asc, bucket_start asc
