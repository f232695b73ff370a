-- First event of each class that rose and of each correlation id, in each window.
-- One row per (window_name, correlation_id, finding_id).
with

events_ as (

    select
        finding_id,
        window_name,
        timestamp,
        log_file_path,
        line_number,
        coalesce(request_id, trace_id) as correlation_id
    from int_finding_events
    where kind in ('error', 'failed_request')

),

risen as (

    select * from stg_onsets

),

kept as (

    select events_.*
    from events_
    semi join risen on events_.finding_id = risen.finding_id
    where events_.correlation_id is not null and events_.timestamp is not null

),

firsts as (

    select
        window_name,
        correlation_id,
        finding_id,
        min(timestamp) as first_timestamp,
        arg_min(log_file_path, (timestamp, log_file_path, line_number)) as log_file_path,
        arg_min(line_number, (timestamp, log_file_path, line_number)) as line_number
    from kept
    group by window_name, correlation_id, finding_id

)

select * from firsts
