-- Steps of sampled traces: each event with what follows it in its span and in its trace.
-- One row per event. `is_cut`: the span says nothing more, and its service logs no warning or error
-- right after. `callee`: the service whose span begins next. `part`: which eighth of the
-- candidate window's traces it is of, by their beginning; -1 for the baseline.
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
        neighboured.window_name,
        parted.part,
        neighboured.trace_id,
        neighboured.trace_start,
        neighboured.span_key,
        neighboured.span_start,
        neighboured.timestamp,
        neighboured.service_name,
        neighboured.statement,
        neighboured.severity_number,
        neighboured.next_statement,
        neighboured.follow_service,
        neighboured.follow_statement,
        neighboured.gap_ms,
        neighboured.next_statement is null
        and not coalesce(
            neighboured.follow_service = neighboured.service_name
            -- 13 is the lowest warning.
            and neighboured.follow_severity >= 13, false
        ) as is_cut,
        case
            when
                neighboured.follow_position = 1
                and neighboured.follow_span != neighboured.span_key
                and neighboured.follow_service != neighboured.service_name
                then neighboured.follow_service
        end as callee
    from neighboured
    inner join parted
        on
            neighboured.window_name = parted.window_name
            and neighboured.trace_id = parted.trace_id

)

select * from steps
order by window_name asc, trace_start asc, trace_id asc, timestamp asc, span_key asc, statement asc
