-- Exception chains as traces state them, outer to inner. One row per (finding_id, chain).
with

events_ as (

    select
        finding_id,
        exception_chain,
        window_name
    from int_finding_events
    where len(exception_chain) >= 2

),

counted as (

    select
        finding_id,
        exception_chain,
        count(*) as together_count
    from events_
    where window_name = 'candidate'
    group by finding_id, exception_chain

)

select * from counted
order by finding_id asc, together_count desc, exception_chain asc
