-- Values that at least a fifth of a risen class's events carry, with what they are compared to.
-- One row per (finding_id, value_kind, value_text). `other_*`: all events for services, those of
-- the class's own services for containers, all requests for endpoints, else other kept events.
with

values_ as (

    select values_.*
    from int_event_values as values_
    where values_.window_name is not null

),

risen as (

    select finding_id from stg_onsets

),

with_endpoint as (

    select finding_id from values_
    where value_kind = 'endpoint'

),

counted as (

    select
        finding_id,
        value_kind,
        value_text,
        count(*) filter (where window_name = 'candidate') as candidate_count,
        count(*) filter (where window_name = 'baseline') as baseline_count
    from values_
    group by finding_id, value_kind, value_text

    union all

    -- Errors name no endpoint themselves; the failed request under the same id does.
    select
        int_correlated_endpoints.finding_id,
        'endpoint' as value_kind,
        concat_ws(
            ' ',
            int_correlated_endpoints.http_request_method,
            int_correlated_endpoints.http_route
        ) as value_text,
        int_correlated_endpoints.together_count as candidate_count,
        0 as baseline_count
    from int_correlated_endpoints
    anti join with_endpoint on int_correlated_endpoints.finding_id = with_endpoint.finding_id

),

totals as (

    select
        finding_id,
        value_kind,
        sum(candidate_count) as candidate_total,
        sum(baseline_count) as baseline_total
    from counted
    group by finding_id, value_kind

),

everywhere as (

    select
        value_kind,
        value_text,
        sum(candidate_count) as all_count
    from counted
    group by value_kind, value_text

),

every_kind as (

    select
        value_kind,
        sum(all_count) as all_total
    from everywhere
    group by value_kind

),

logged as (

    select
        service_name,
        container_name,
        http_request_method,
        http_route,
        http_response_status_code,
        event_count
    from stg_rollup
    where window_name = 'candidate'

),

services_ as (

    select distinct
        finding_id,
        value_text as service_name
    from values_
    where value_kind = 'service'

),

by_service as (

    select
        risen.finding_id,
        'service' as value_kind,
        logged.service_name as value_text,
        sum(logged.event_count) as other_count
    from risen
    cross join logged
    group by risen.finding_id, logged.service_name

),

by_container as (

    select
        services_.finding_id,
        'container' as value_kind,
        logged.container_name as value_text,
        sum(logged.event_count) as other_count
    from services_
    inner join logged on services_.service_name = logged.service_name
    where logged.container_name is not null
    group by services_.finding_id, logged.container_name

),

by_endpoint as (

    select
        risen.finding_id,
        'endpoint' as value_kind,
        concat_ws(' ', logged.http_request_method, logged.http_route) as value_text,
        sum(logged.event_count) as other_count
    from risen
    cross join logged
    where logged.http_route is not null and logged.http_response_status_code is not null
    group by risen.finding_id, logged.http_request_method, logged.http_route

),

usual as (

    select * from by_service
    union all
    select * from by_container
    union all
    select * from by_endpoint

),

usual_with_totals as (

    select
        *,
        sum(other_count) over (partition by finding_id, value_kind) as other_total
    from usual

),

compared as (

    select
        counted.finding_id,
        counted.value_kind,
        counted.value_text,
        counted.candidate_count,
        totals.candidate_total::bigint as candidate_total,
        counted.baseline_count,
        totals.baseline_total::bigint as baseline_total,
        case
            when counted.value_kind in ('service', 'container', 'endpoint')
                then coalesce(usual_with_totals.other_count, 0)
            else everywhere.all_count - counted.candidate_count
        end::bigint as other_count,
        case
            when counted.value_kind in ('service', 'container', 'endpoint')
                then coalesce(usual_with_totals.other_total, 0)
            else every_kind.all_total - totals.candidate_total
        end::bigint as other_total
    from counted
    inner join risen on counted.finding_id = risen.finding_id
    inner join totals
        on
            counted.finding_id = totals.finding_id
            and counted.value_kind = totals.value_kind
    inner join everywhere
        on
            counted.value_kind = everywhere.value_kind
            and counted.value_text = everywhere.value_text
    inner join every_kind on counted.value_kind = every_kind.value_kind
    left join usual_with_totals
        on
            counted.finding_id = usual_with_totals.finding_id
            and counted.value_kind = usual_with_totals.value_kind
            and counted.value_text = usual_with_totals.value_text

)

select * from compared
where candidate_count >= 5 and candidate_count >= 0.2 * candidate_total
order by finding_id asc, value_kind asc, candidate_count desc, value_text asc
