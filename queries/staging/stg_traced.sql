-- Events of sampled traces, in the window in which their trace began. One row per event.
-- `span_key`: the span, or what one service logs of a trace where no span is named.
with

source as (

    select * from traced

),

windows_ as (

    select * from windows

),

once as (

    -- The same line may stand in several files.
    select *
    from source
    qualify
        row_number() over (
            partition by
                origin, timestamp, service_name, trace_id, span_id, statement, severity_number
            order by log_file_path asc, line_number asc
        ) = 1

),

dated as (

    select
        *,
        concat_ws(' ', service_name, span_id) as span_key,
        min(timestamp) over (partition by origin, trace_id) as trace_start
    from once

),

placed as (

    select
        dated.* exclude (origin),  -- noqa: RF02
        windows_.window_name
    from dated
    inner join windows_
        on
            dated.origin = windows_.origin
            and dated.trace_start >= windows_.window_start
            and dated.trace_start < windows_.window_end

)

select * from placed
