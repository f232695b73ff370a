-- Steps of sampled traces: each event with what follows it in its span and in its trace.
-- One row per event. `has_failed`: its service logs a warning or error right after, in this span or
-- where it ends. `is_cut`: the span ends here without one. `callee`: the service whose span begins
-- next. `part`: which eighth of the candidate window's traces it is of, by their beginning; -1 for
-- the baseline.
with

traced_ as (

    select * from stg_traced

),

ordered as (

    select
        *,
        row_number() over in_trace as trace_position,
        row_number() over in_span as span_position
    from traced_
    window
        in_trace as (
            partition by window_name, trace_id
            order by
                timestamp asc, service_name asc, log_file_path asc, line_number asc,
                statement asc
        ),
        in_span as (
            partition by window_name, trace_id, span_key
            order by
                timestamp asc, service_name asc, log_file_path asc, line_number asc,
                statement asc
        )

),

neighboured as (

    select
        window_name,
        trace_id,
        trace_start,
        span_key,
        service_name,
        statement,
        severity_number,
        timestamp,
        min(timestamp) over (
            partition by window_name, trace_id, span_key
        ) as span_start,
        lead(statement) over in_span as next_statement,
        lead(severity_number) over in_span as next_severity,
        lead(statement) over in_trace as follow_statement,
        lead(service_name) over in_trace as follow_service,
        lead(span_key) over in_trace as follow_span,
        lead(span_position) over in_trace as follow_position,
        lead(severity_number) over in_trace as follow_severity,
        (epoch_us(lead(timestamp) over in_trace) - epoch_us(timestamp)) / 1000.0 as gap_ms
    from ordered
    window
        in_trace as (partition by window_name, trace_id order by trace_position asc),
        in_span as (partition by window_name, trace_id, span_key order by span_position asc)

),

begun as (

    select
        window_name,
        trace_id,
        min(trace_start) as first_timestamp
    from traced_
    group by window_name, trace_id

),

judged as (

    -- 13 is the lowest warning. A framework logs the error of a span under another one.
    select
        *,
        coalesce(next_severity >= 13, false)
        or coalesce(
            next_statement is null
            and follow_service = service_name
            and follow_severity >= 13, false
        ) as has_failed
    from neighboured

),

parted as (

    select
        window_name,
        trace_id,
        case
            when window_name = 'candidate'
                then ntile(8) over (
                    partition by window_name
                    order by first_timestamp asc, trace_id asc
                ) - 1
            else -1
        end as part
    from begun

),

steps as (

    select
        judged.window_name,
        parted.part,
        judged.trace_id,
        judged.trace_start,
        judged.span_key,
        judged.span_start,
        judged.timestamp,
        judged.service_name,
        judged.statement,
        judged.severity_number,
        judged.next_statement,
        judged.follow_service,
        judged.follow_statement,
        judged.gap_ms,
        judged.has_failed,
        judged.next_statement is null and not judged.has_failed as is_cut,
        case
            when
                judged.follow_position = 1
                and judged.follow_span != judged.span_key
                and judged.follow_service != judged.service_name
                then judged.follow_service
        end as callee
    from judged
    inner join parted
        on
            judged.window_name = parted.window_name
            and judged.trace_id = parted.trace_id

)

select * from steps
order by window_name asc, trace_start asc, trace_id asc, timestamp asc, span_key asc, statement asc
