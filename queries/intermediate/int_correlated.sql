-- First event of each class and of each correlation id in the candidate window.
-- One row per (correlation_id, finding_id).
with

events_ as (

    select
        finding_id,
        timestamp,
        http_request_method,
        http_route,
        coalesce(request_id, trace_id) as correlation_id
    from int_finding_events
    where window_name = 'candidate' and kind in ('error', 'failed_request')

),

firsts as (

    select
        correlation_id,
        finding_id,
        min(timestamp) as first_timestamp,
        any_value(http_request_method) as http_request_method,
        any_value(http_route) as http_route
    from events_
    where correlation_id is not null
    group by correlation_id, finding_id

)

select * from firsts
