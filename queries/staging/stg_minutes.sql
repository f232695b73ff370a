-- Counts of all events by minute and service, in their window. One row per minute and service.
with

source as (

    select * from minutes

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
            and source.bucket_start >= windows_.window_start
            and source.bucket_start < windows_.window_end

)

select * from placed
