-- Ordinary lines that say what a new class says, in their window: they were looked for afterwards.
-- One row per (window_name, service_name, template_id, bucket_start).
with

source as (

    select * from calm

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
            and source.first_timestamp < windows_.window_end

)

select * from placed
