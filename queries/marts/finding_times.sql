-- When events of classes that rose happened, in seconds since 1970: what lags are measured on.
-- One row per event, at most 20,000 a finding_id and window_name.
-- Of more, the candidate has the first from the onset on and the baseline the last; `is_cut` then.
with

events_ as (

    select
        finding_id,
        window_name,
        timestamp
    from int_finding_events
    where timestamp is not null and kind in ('error', 'failed_request')

),

risen as (

    select * from stg_onsets

),

numbered as (

    select
        events_.finding_id,
        events_.window_name,
        epoch_us(events_.timestamp) / 1000000 as seconds,
        row_number() over (
            partition by events_.finding_id, events_.window_name
            order by
                events_.window_name = 'candidate'
                and coalesce(events_.timestamp < risen.onset, false) asc,
                case
                    when events_.window_name = 'candidate' then epoch_us(events_.timestamp)
                    else -epoch_us(events_.timestamp)
                end asc
        ) as place,
        count(*) over (
            partition by events_.finding_id, events_.window_name
        ) as event_count
    from events_
    inner join risen on events_.finding_id = risen.finding_id

),

kept as (

    select
        finding_id,
        window_name,
        seconds,
        event_count > 20000 as is_cut
    from numbered
    where place <= 20000

)

select * from kept
order by finding_id asc, window_name asc, seconds asc
