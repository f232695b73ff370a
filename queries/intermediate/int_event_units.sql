-- Events of findings with what they may repeat. One row per event in a window.
-- `is_repeat`: the same text stood in the same service at most 10 ms before, or anywhere at the
-- very same fraction of a second; not where two containers of one service wrote it. `unit_number`
-- counts the texts that repeat nothing. `of_request`: which event of its request it is.
with

events_ as (

    select
        finding_id,
        window_name,
        service_name,
        container_name,
        timestamp,
        observed_timestamp,
        time_source,
        body_hash,
        log_file_path,
        line_number,
        byte_offset,
        coalesce(request_id, trace_id) as correlation_id,
        coalesce(list_contains(time_flags, 'far_from_envelope'), false) as is_far,
        epoch_us(timestamp) % 1000000 <> 0 as is_precise
    from int_finding_events

),

ordered as (

    select
        *,
        lag(timestamp) over texts as text_timestamp,
        lag(service_name) over texts as text_service_name,
        lag(container_name) over texts as text_container_name,
        row_number() over (
            partition by finding_id, service_name, window_name, correlation_id
            order by timestamp asc, log_file_path asc, line_number asc, byte_offset asc
        ) as of_request
    from events_
    window texts as (
        partition by finding_id, window_name, body_hash
        order by timestamp asc, log_file_path asc, line_number asc, byte_offset asc
    )

),

flagged as (

    select
        * exclude (text_timestamp, text_service_name, text_container_name, of_request),
        coalesce(case
            when text_service_name <> service_name then timestamp = text_timestamp and is_precise
            when text_container_name <> container_name then false
            else timestamp <= text_timestamp + interval '10 milliseconds'
        end, false) as is_repeat,
        case when correlation_id is not null then of_request end as of_request
    from ordered

),

numbered as (

    select
        *,
        sum(case when is_repeat then 0 else 1 end) over (
            partition by finding_id, window_name, body_hash
            order by timestamp asc, log_file_path asc, line_number asc, byte_offset asc
            rows between unbounded preceding and current row
        )::bigint as unit_number
    from flagged

)

select * from numbered
