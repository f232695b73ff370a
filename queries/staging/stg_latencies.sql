-- Durations of requests that were drawn, in their window, by class of length.
-- One row per (window_name, bucket_start, service_name, http_request_method, http_route,
-- duration_class).
with

source as (

    select * from latencies

),

windows_ as (

    select * from windows

),

placed as (

    select
        source.* exclude (origin),  -- noqa: RF02
        windows_.window_name
    from source
    inner join windows_
        on
            source.origin = windows_.origin
            and source.first_timestamp >= windows_.window_start
            and source.last_timestamp < windows_.window_end

)

select * from placed
