-- Since when each container was seen to log, and until when, whatever the window.
-- One row per (service_name, container_name).
with

source as (

    select * from rollup

),

renamed as (

    select
        service_name,
        container_name,
        min(first_timestamp) as first_timestamp,
        max(last_timestamp) as last_timestamp
    from source
    group by service_name, container_name

)

select * from renamed
