-- Counts, times and names of each class of errors. One row per finding_id.
with

events_ as (

    select * from int_finding_events

),

summarised as (

    select
        finding_id,
        any_value(kind) as kind,
        any_value(error_class) as error_class,
        max(severity_number) as severity_number,
        mode(template_id order by template_id asc) as template_id,
        mode(template order by template asc) as template,
        mode(fingerprint order by fingerprint asc) as fingerprint,
        mode(exception_type order by exception_type asc) as exception_type,
        mode(scope_name order by scope_name asc) as scope_name,
        -- Templates leave out what differs: one text tells errors of a class apart.
        arg_min(
            left(concat_ws(chr(10), exception_type, exception_message, body), 600),
            (timestamp, log_file_path, line_number, byte_offset)
        ) as first_text,
        count(distinct template_id) as template_count,
        any_value(http_response_status_code) as http_response_status_code,
        count(*) filter (where window_name = 'baseline') as baseline_count,
        count(*) filter (where window_name = 'candidate') as candidate_count,
        min(timestamp) as first_seen,
        max(timestamp) as last_seen,
        min(timestamp) filter (where window_name = 'candidate') as candidate_first,
        max(timestamp) filter (where window_name = 'candidate') as candidate_last
    from events_
    group by finding_id

)

select * from summarised
order by finding_id asc
