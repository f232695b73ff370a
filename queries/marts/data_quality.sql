-- Kept events whose time or level was assumed or odd, by service. One row per service_name.
with

events_ as (

    select * from stg_events
    where window_name is not null

),

counted as (

    select
        service_name,
        count(*) as event_count,
        count(*) filter (where is_copy) as copy_count,
        count(*) filter (where list_contains(time_flags, 'tz_assumed')) as tz_assumed_count,
        count(*) filter (where list_contains(time_flags, 'far_from_envelope'))
            as far_from_envelope_count,
        count(*) filter (where time_source = 'interpolated') as interpolated_count
    from events_
    group by service_name

)

select * from counted
order by service_name asc
