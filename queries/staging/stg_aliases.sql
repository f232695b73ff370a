-- Ids that mean the same template as another, as the template book tells. One row per alias_id.
with

source as (

    select * from aliases

),

renamed as (

    select
        alias_id,
        template_id
    from source

)

select * from renamed
