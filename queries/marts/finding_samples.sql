-- A few real events of each class: the first ones of the candidate window, else of the baseline,
-- each from another minute and template where there are several. At most three a finding_id.
with

events_ as (

    select * from int_finding_events

),

varied as (

    select
        *,
        row_number() over (
            partition by finding_id, window_name, template_id
            order by timestamp asc, log_file_path asc, line_number asc, byte_offset asc
        ) as of_template
    from events_

),

ranked as (

    select
        *,
        row_number() over (
            partition by finding_id
            order by
                window_name desc, of_template asc, timestamp asc, log_file_path asc,
                line_number asc, byte_offset asc
        ) as place
    from varied

),

chosen as (

    select
        finding_id,
        place,
        log_file_path,
        line_number,
        byte_offset,
        timestamp,
        service_name,
        body,
        exception_message
    from ranked
    where place <= 3

)

select * from chosen
order by finding_id asc, place asc
