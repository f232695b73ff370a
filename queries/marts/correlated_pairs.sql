-- Classes that rose and occur under the same request or trace id within a quarter of an hour.
-- One row per (source_id, target_id) that share an id.
-- `together_count` ids have the source first, `opposite_count` the target, and of `tied_count` the
-- order is not known: one time, and not two lines of one file. `share` is of the target's ids,
-- `baseline_share` the same in the baseline.
with

firsts as (

    select * from int_risen_firsts

),

totals as (

    select
        window_name,
        finding_id,
        count(*) as id_count
    from firsts
    group by window_name, finding_id

),

paired as (

    select
        one.window_name,
        one.finding_id as source_id,
        other.finding_id as target_id,
        epoch(other.first_timestamp - one.first_timestamp) as later_seconds,
        case
            when one.first_timestamp < other.first_timestamp then 1
            when one.first_timestamp > other.first_timestamp then -1
            when coalesce(one.log_file_path <> other.log_file_path, true) then 0
            else sign(other.line_number - one.line_number)
        end as direction
    from firsts as one
    inner join firsts as other
        on
            one.window_name = other.window_name
            and one.correlation_id = other.correlation_id
            and one.finding_id <> other.finding_id
    where abs(epoch(other.first_timestamp - one.first_timestamp)) <= 900

),

counted as (

    select
        window_name,
        source_id,
        target_id,
        count(*) filter (where direction > 0) as together_count,
        count(*) filter (where direction < 0) as opposite_count,
        count(*) filter (where direction = 0) as tied_count,
        median(later_seconds) filter (where direction > 0) as median_lag_seconds
    from paired
    group by window_name, source_id, target_id

),

shared as (

    select
        counted.source_id,
        counted.target_id,
        counted.together_count,
        counted.opposite_count,
        counted.tied_count,
        counted.median_lag_seconds,
        sources.id_count as source_id_count,
        targets.id_count as target_id_count,
        counted.together_count / targets.id_count as share,
        coalesce(before_targets.id_count, 0) as baseline_id_count,
        coalesce(befores.together_count, 0) / before_targets.id_count as baseline_share
    from counted
    inner join totals as sources
        on counted.source_id = sources.finding_id and counted.window_name = sources.window_name
    inner join totals as targets
        on counted.target_id = targets.finding_id and counted.window_name = targets.window_name
    left join totals as before_targets
        on
            counted.target_id = before_targets.finding_id
            and before_targets.window_name = 'baseline'
    left join counted as befores
        on
            counted.source_id = befores.source_id
            and counted.target_id = befores.target_id
            and befores.window_name = 'baseline'
    where counted.window_name = 'candidate'

)

select * from shared
order by source_id asc, target_id asc
