-- Hourly counts of all events, in their window. One row per rollup key and window_name.
-- An hour that lies on a window's border belongs to neither; borders are full hours where the
-- program chooses them, and hours are cut at borders that the user names.
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
