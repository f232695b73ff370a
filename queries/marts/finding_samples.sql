-- A few real events of each class: the first from its onset on, else the first of the candidate
-- window, else of the baseline; of several templates where there are. At most three a finding_id.
with

events_ as (

    select
        events_.*,
        coalesce(events_.timestamp >= onsets_.onset, true) as is_after_onset
    from int_finding_events as events_
    left join stg_onsets as onsets_ on events_.finding_id = onsets_.finding_id

),

varied as (

    select
        *,
        row_number() over (
            partition by finding_id, window_name, is_after_onset, template_id
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
                window_name desc, is_after_onset desc, of_template asc, timestamp asc,
                log_file_path asc, line_number asc, byte_offset asc
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
