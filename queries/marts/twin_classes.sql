-- Classes of one service that occur under the same request or trace ids, from the first event of
-- the class on. One row per (finding_id, other_id).
-- `own_count` and `other_count` are ids of each, `together_count` those of both.
with

firsts as (

    select * from int_correlated

),

begins as (

    select
        finding_id,
        min(first_timestamp) as begin_timestamp,
        count(*) as own_count
    from firsts
    group by finding_id

),

paired as (

    select
        own.finding_id,
        other.finding_id as other_id,
        count(*) as together_count,
        median(epoch(own.first_timestamp - other.first_timestamp)) as median_lag_seconds
    from firsts as own
    inner join firsts as other
        on
            own.correlation_id = other.correlation_id
            and own.finding_id <> other.finding_id
    group by own.finding_id, other.finding_id

),

others as (

    select
        paired.finding_id,
        paired.other_id,
        count(*) as other_count
    from paired
    inner join begins on paired.finding_id = begins.finding_id
    inner join firsts
        on
            paired.other_id = firsts.finding_id
            and firsts.first_timestamp >= begins.begin_timestamp - interval '1 second'
    group by paired.finding_id, paired.other_id

),

joined as (

    select
        paired.finding_id,
        paired.other_id,
        begins.own_count,
        paired.together_count,
        paired.median_lag_seconds,
        coalesce(others.other_count, paired.together_count) as other_count
    from paired
    inner join begins on paired.finding_id = begins.finding_id
    left join others
        on
            paired.finding_id = others.finding_id
            and paired.other_id = others.other_id

)

select * from joined
order by finding_id asc, together_count desc, other_id asc
