-- Events of findings whose text holds one sign. One row per finding_id with such events.
-- An empty class stands for all classes.
-- Parameters: literal, regex, error_class.
with

events_ as (

    select * from int_finding_events

),

hits as (

    select * from events_
    where
        ($error_class = '' or error_class = $error_class)
        and (contains(body, $literal) or contains(exception_message, $literal))
        and (regexp_matches(body, $regex) or regexp_matches(exception_message, $regex))

),

ranked as (

    select
        *,
        row_number() over (
            partition by finding_id
            order by
                window_name desc, timestamp asc, log_file_path asc, line_number asc,
                byte_offset asc
        ) as place
    from hits

),

counted as (

    select
        finding_id,
        count(*) filter (where window_name = 'baseline') as baseline_count,
        count(*) filter (where window_name = 'candidate') as candidate_count,
        any_value(timestamp) filter (where place = 1) as first_timestamp,
        any_value(log_file_path) filter (where place = 1) as log_file_path,
        any_value(line_number) filter (where place = 1) as line_number
    from ranked
    group by finding_id

)

select * from counted
order by finding_id asc
