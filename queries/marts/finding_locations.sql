-- The in-app code place that most traces of a class share, in the candidate window where there are
-- any. One row per finding_id with traces.
with

events_ as (

    select * from int_finding_events
    where code_file_path is not null

),

counted as (

    select
        finding_id,
        window_name,
        code_file_path,
        code_line_number,
        code_function_name,
        count(*) as event_count,
        sum(count(*)) over (partition by finding_id, window_name) as traced_count
    from events_
    group by finding_id, window_name, code_file_path, code_line_number, code_function_name

),

ranked as (

    select
        *,
        row_number() over (
            partition by finding_id
            order by
                window_name desc, event_count desc, code_file_path asc, code_line_number asc,
                code_function_name asc
        ) as place
    from counted

),

chosen as (

    select
        finding_id,
        code_file_path,
        code_line_number,
        code_function_name,
        event_count / nullif(traced_count, 0) as share
    from ranked
    where place = 1

)

select * from chosen
order by finding_id asc
