-- Classes that occur under the same request or trace id, one directly after the other.
-- One row per (source_id, target_id), where the target followed.
with

firsts as (

    select * from int_correlated

),

neighbours as (

    select
        correlation_id,
        finding_id as target_id,
        first_timestamp,
        lag(finding_id) over (
            partition by correlation_id
            order by first_timestamp asc, finding_id asc
        ) as source_id,
        lag(first_timestamp) over (
            partition by correlation_id
            order by first_timestamp asc, finding_id asc
        ) as source_timestamp
    from firsts

),

totals as (

    select
        finding_id,
        count(*) as id_count
    from firsts
    group by finding_id

),

paired as (

    select
        source_id,
        target_id,
        count(*) as together_count,
        median(epoch(first_timestamp - source_timestamp)) as median_lag_seconds
    from neighbours
    where source_id is not null
    group by source_id, target_id

),

shared as (

    select
        paired.source_id,
        paired.target_id,
        paired.together_count,
        paired.median_lag_seconds,
        paired.together_count / nullif(totals.id_count, 0) as share
    from paired
    inner join totals on paired.target_id = totals.finding_id

)

select * from shared
order by source_id asc, target_id asc
