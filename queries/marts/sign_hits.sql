-- Events of findings whose text holds one sign. One row per finding_id with such events.
-- The place is that of the first event in the candidate window, else in the baseline.
-- An empty class stands for all classes.
-- Parameters: literal, regex, error_class.
with

events_ as (

    select * from int_finding_events

),

hits as (

    select
        finding_id,
        window_name,
        timestamp,
        log_file_path,
        line_number,
        byte_offset
    from events_
    where
        ($error_class = '' or error_class = $error_class)
        and (contains(body, $literal) or contains(exception_message, $literal))
        and (
            $regex = ''
            or regexp_matches(body, $regex) or regexp_matches(exception_message, $regex)
        )

),

counted as (

    select
        finding_id,
        count(*) filter (where window_name = 'baseline') as baseline_count,
        count(*) filter (where window_name = 'candidate') as candidate_count,
        arg_min(
            struct_pack(
                first_timestamp := timestamp,
                log_file_path := log_file_path,
                line_number := line_number
            ),
            (window_name = 'baseline', timestamp, log_file_path, line_number, byte_offset)
        ) as first_hit
    from hits
    group by finding_id

),

placed as (

    select
        finding_id,
        baseline_count,
        candidate_count,
        first_hit['first_timestamp'] as first_timestamp,
        first_hit['log_file_path'] as log_file_path,
        first_hit['line_number'] as line_number
    from counted

)

select * from placed
order by finding_id asc
