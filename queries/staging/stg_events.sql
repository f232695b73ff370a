-- Kept events with what kind of finding they count for, and their window. One row per event.
-- `is_copy`: the same service, stream, time and text was read from another file before.
with

source as (

    select * from events

),

windows_ as (

    select * from windows

),

numbered as (

    -- The n-th of equal lines in one file is a copy of the n-th in another: equal lines of one
    -- file are different events.
    select
        *,
        row_number() over (
            partition by
                origin, log_file_path, service_name, container_name, log_iostream, timestamp, body
            order by line_number asc, byte_offset asc
        ) as occurrence
    from source

),

flagged as (

    select
        * exclude (occurrence),
        timestamp is not null and row_number() over (
            partition by
                origin, service_name, container_name, log_iostream, timestamp, body, occurrence
            order by log_file_path asc, line_number asc
        ) > 1 as is_copy,
        case
            -- An access line says of a request how it ended; its cause is logged apart.
            when http_response_status_code >= 500 then 'failed_request'
            when http_response_status_code is not null then null
            -- Severity numbers are OpenTelemetry's: 17 is the lowest error, 13 the lowest warning.
            when severity_number >= 17 then 'error'
            when severity_number >= 13 then 'warning'
        end as kind
    from numbered

),

placed as (

    select
        flagged.*,
        windows_.window_name
    from flagged
    left join windows_
        on
            flagged.origin = windows_.origin
            and flagged.timestamp >= windows_.window_start
            and flagged.timestamp < windows_.window_end

)

select * from placed
