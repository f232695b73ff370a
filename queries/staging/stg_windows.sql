-- The stretches that are compared. One row per (origin, window_name, window_start).
with

source as (

    select * from windows

),

renamed as (

    select
        origin,
        window_name,
        window_start,
        window_end
    from source

)

select * from renamed
