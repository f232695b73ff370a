-- Events of each class by service. One row per (finding_id, service_name).
with

events_ as (

    select * from int_finding_events

),

counted as (

    select
        finding_id,
        service_name,
        count(*) filter (where window_name = 'baseline') as baseline_count,
        count(*) filter (where window_name = 'candidate') as candidate_count
    from events_
    group by finding_id, service_name

)

select * from counted
order by finding_id asc, candidate_count desc, baseline_count desc, service_name asc
