-- Requests and failed requests of each endpoint in both windows, from access lines.
-- One row per (service_name, http_request_method, http_route).
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

)

select * from counted
order by service_name asc, http_route asc, http_request_method asc
