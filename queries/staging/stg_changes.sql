-- Lines that tell of a change, and changes that the user named, in their window. One row per line.
-- A line that several files hold is one change; what lies in neither window has none.
with

source as (

    select * from changes

),

windows_ as (

    select * from windows

),

numbered as (

    -- The n-th of equal lines in one file is a copy of the n-th in another.
    select
        *,
        row_number() over (
            partition by
                origin, log_file_path, service_name, container_name, log_iostream, timestamp, text,
                is_given
            order by line_number asc, byte_offset asc
        ) as occurrence
    from source
    where timestamp is not null

),

flagged as (

    select
        * exclude (occurrence),
        row_number() over (
            partition by
                service_name, container_name, log_iostream, timestamp, text, is_given, occurrence
            order by origin asc, log_file_path asc, line_number asc
        ) as copy_number
    from numbered

),

placed as (

    select
        flagged.* exclude (copy_number),  -- noqa: RF02
        windows_.window_name
    from flagged
    left join windows_
        on
            (flagged.is_given or flagged.origin = windows_.origin)
            and flagged.timestamp >= windows_.window_start
            and flagged.timestamp < windows_.window_end
    where flagged.copy_number = 1

)

select * from placed
