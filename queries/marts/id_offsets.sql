-- How much later one service logs a request than another: seconds between the first kept event of
-- each under the same request or trace id. One row per (service_name, other_service_name).
-- `pair_count`: how many pairs of classes show it.
with

events_ as (

    select
        service_name,
        finding_id,
        timestamp,
        coalesce(request_id, trace_id) as correlation_id
    from int_finding_events
    where request_id is not null or trace_id is not null

),

firsts as (

    select
        correlation_id,
        service_name,
        min(timestamp) as first_timestamp,
        arg_min(finding_id, (timestamp, finding_id)) as finding_id
    from events_
    group by correlation_id, service_name

),

paired as (

    select
        earlier.service_name,
        later.service_name as other_service_name,
        earlier.finding_id || later.finding_id as pair_id,
        epoch(later.first_timestamp - earlier.first_timestamp) as later_seconds
    from firsts as earlier
    inner join firsts as later
        on
            earlier.correlation_id = later.correlation_id
            and earlier.service_name < later.service_name

),

counted as (

    select
        service_name,
        other_service_name,
        count(*) as id_count,
        count(distinct pair_id) as pair_count,
        quantile_cont(later_seconds, 0.1) as p10,
        quantile_cont(later_seconds, 0.5) as p50,
        quantile_cont(later_seconds, 0.9) as p90
    from paired
    group by service_name, other_service_name

)

select * from counted
order by service_name asc, other_service_name asc
