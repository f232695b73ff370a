-- Hourly counts of all events, in their window. One row per rollup key and window_name.
-- Hours with requests are cut at the borders of windows; another that lies on one belongs to
-- neither.
with

source as (

    select * from rollup

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
