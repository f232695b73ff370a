-- Lines that tell of a change of the system, with since when their container was seen to log.
-- One row per line.
with

lines_ as (

    select * from stg_changes

),

containers as (

    select * from stg_containers

),

joined as (

    select
        lines_.* exclude (origin),  -- noqa: RF02
        containers.first_timestamp as logged_since
    from lines_
    left join containers
        on
            lines_.service_name = containers.service_name
            and lines_.container_name is not distinct from containers.container_name

)

select * from joined
order by timestamp asc, service_name asc, log_file_path asc, line_number asc, byte_offset asc
