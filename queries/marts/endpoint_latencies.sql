-- How long requests of each endpoint took in both windows, by class of length.
-- One row per (service_name, http_request_method, http_route, duration_class).
-- Class n holds durations from 2 ** (n / 8) ms on; weights are requests that those drawn stand for.
with

drawn as (

    select * from stg_latencies
    where http_route is not null

),

counted as (

    select
        service_name,
        http_route,
        duration_class,
        coalesce(http_request_method, '') as http_request_method,
        coalesce(sum(sample_count) filter (where window_name = 'baseline'), 0)::bigint
            as baseline_sample_count,
        coalesce(sum(sample_count) filter (where window_name = 'candidate'), 0)::bigint
            as candidate_sample_count,
        coalesce(sum(request_weight) filter (where window_name = 'baseline'), 0)::bigint
            as baseline_weight,
        coalesce(sum(request_weight) filter (where window_name = 'candidate'), 0)::bigint
            as candidate_weight
    from drawn
    group by service_name, http_request_method, http_route, duration_class

)

select * from counted
order by service_name asc, http_route asc, http_request_method asc, duration_class asc
