-- A few real events of each class: the first from its onset on (in the baseline where a fault
-- already ran), else the first of the candidate window, else of the baseline; of several templates
-- where there are. At most three a finding_id.
with

candidate as (

    select min(window_start) as candidate_start
    from stg_windows
    where window_name = 'candidate'

),

-- A baseline of other logs may bear later times than the onset: it is before it all the same.
events_ as (

    select
        events_.*,
        case
            when onsets_.onset is null then events_.window_name = 'candidate'
            when
                events_.window_name = 'candidate' or onsets_.onset < candidate.candidate_start
                then events_.timestamp >= onsets_.onset
            else false
        end as is_after_onset
    from int_finding_events as events_
    left join stg_onsets as onsets_ on events_.finding_id = onsets_.finding_id
    cross join candidate

),

varied as (

    select
        *,
        case when is_after_onset then '' else window_name end as window_before,
        row_number() over (
            partition by finding_id, window_before, is_after_onset, template_id
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
                is_after_onset desc, window_before desc, of_template asc, timestamp asc,
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
        byte_length,
        timestamp,
        service_name,
        body,
        exception_message
    from ranked
    where place <= 3

)

select * from chosen
order by finding_id asc, place asc
