-- Kept events with what kind of finding they count for, and their window. One row per event.
-- `is_copy`: the same service, stream, time and text was read from another file before.
-- Texts are compared by hash and cut to what a report shows: traces are most of the bytes.
-- Where a format writes whole seconds only, the envelope tells when within the second it was.
with

source as not materialized (

    select
        origin,
        timestamp,
        observed_timestamp,
        time_source,
        time_flags,
        format_name,
        severity_number,
        service_name,
        container_name,
        log_iostream,
        scope_name,
        trace_id,
        request_id,
        exception_type,
        exception_chain,
        code_file_path,
        code_line_number,
        code_function_name,
        http_request_method,
        http_route,
        http_response_status_code,
        template_id,
        template,
        fingerprint,
        error_class,
        log_file_path,
        line_number,
        byte_offset,
        byte_length,
        hash(body) as body_hash,
        hash(
            origin, service_name, container_name, log_iostream, timestamp, body
        ) as text_key,
        -- Traces tell at their end what failed, and at their beginning what was asked for.
        case
            when length(body) <= 2000 then body
            else left(body, 700) || chr(10) || '… middle left out …' || chr(10) || right(body, 1270)
        end as body,
        left(exception_message, 2100) as exception_message,
        list_transform(
            map_entries(attributes)[:32],
            lambda entry: struct_pack(
                attribute_name := left(entry['key'], 60),
                attribute_value := left(entry['value'], 120)
            )
        ) as attributes
    from events

),

windows_ as (

    select * from windows

),

repeated as (

    select * from stg_repeated_texts

),

coarse as (

    select * from stg_coarse_sources

),

single as (

    select source.*
    from source
    anti join repeated on source.text_key = repeated.text_key

),

numbered as (

    -- The n-th of equal lines in one file is a copy of the n-th in another: equal lines of one
    -- file are different events.
    select
        source.*,
        row_number() over (
            partition by
                source.origin, source.log_file_path, source.service_name,
                source.container_name, source.log_iostream, source.timestamp, source.body_hash
            order by source.line_number asc, source.byte_offset asc
        ) as occurrence
    from source
    semi join repeated on source.text_key = repeated.text_key

),

flagged as (

    select
        *,
        false as is_copy
    from single

    union all

    select
        * exclude (occurrence),
        timestamp is not null and row_number() over (
            partition by
                origin, service_name, container_name, log_iostream, timestamp, body_hash,
                occurrence
            order by log_file_path asc, line_number asc
        ) > 1 as is_copy
    from numbered

),

placed as (

    select
        flagged.* exclude (text_key, timestamp, format_name),  -- noqa: RF02
        windows_.window_name,
        case
            -- The line was written before the envelope saw it, and within the second that it says.
            when
                coarse.log_file_path is not null
                and flagged.time_source = 'payload'
                and flagged.observed_timestamp >= flagged.timestamp
                and flagged.observed_timestamp < flagged.timestamp + interval 2 seconds
                then least(
                    flagged.observed_timestamp,
                    flagged.timestamp + interval 999999 microseconds
                )
            else flagged.timestamp
        end as timestamp,
        case
            -- An access line says of a request how it ended; its cause is logged apart.
            when flagged.http_response_status_code >= 500 then 'failed_request'
            when flagged.http_response_status_code is not null then null
            -- Severity numbers are OpenTelemetry's: 17 is the lowest error, 13 the lowest warning.
            when flagged.severity_number >= 17 then 'error'
            when flagged.severity_number >= 13 then 'warning'
        end as kind
    from flagged
    left join windows_
        on
            flagged.origin = windows_.origin
            and flagged.timestamp >= windows_.window_start
            and flagged.timestamp < windows_.window_end
    left join coarse
        on
            flagged.log_file_path = coarse.log_file_path
            and flagged.format_name = coarse.format_name

)

select * from placed
