-- Requests and failed requests of each endpoint in both windows, from access lines.
-- One row per (service_name, http_request_method, http_route).
-- A service has at most 300 routes of its own: scanners and file names make endless ones, and those
-- beyond are counted together as `<other>`.
with

rollup_ as (

    select * from stg_rollup
    where http_response_status_code is not null and http_route is not null

),

counted as (

    select
        service_name,
        http_route,
        coalesce(http_request_method, '') as http_request_method,
        coalesce(sum(event_count) filter (where window_name = 'baseline'), 0)::bigint
            as baseline_request_count,
        coalesce(sum(event_count) filter (where window_name = 'candidate'), 0)::bigint
            as candidate_request_count,
        coalesce(sum(event_count) filter (
            where window_name = 'baseline' and http_response_status_code >= 500
        ), 0)::bigint as baseline_failure_count,
        coalesce(sum(event_count) filter (
            where window_name = 'candidate' and http_response_status_code >= 500
        ), 0)::bigint as candidate_failure_count
    from rollup_
    group by service_name, http_request_method, http_route

),

ranked as (

    select
        *,
        row_number() over (
            partition by service_name
            order by
                greatest(baseline_failure_count, candidate_failure_count) desc,
                candidate_request_count + baseline_request_count desc,
                http_route asc, http_request_method asc
        ) as place
    from counted

),

named as (

    select
        service_name,
        baseline_request_count,
        candidate_request_count,
        baseline_failure_count,
        candidate_failure_count,
        case when place <= 300 then http_request_method else '' end as http_request_method,
        case when place <= 300 then http_route else '<other>' end as http_route
    from ranked

),

bounded as (

    select
        service_name,
        http_request_method,
        http_route,
        sum(baseline_request_count)::bigint as baseline_request_count,
        sum(candidate_request_count)::bigint as candidate_request_count,
        sum(baseline_failure_count)::bigint as baseline_failure_count,
        sum(candidate_failure_count)::bigint as candidate_failure_count
    from named
    group by service_name, http_request_method, http_route

)

select * from bounded
order by service_name asc, http_route asc, http_request_method asc
