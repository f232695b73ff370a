-- When classes that rose began to. One row per finding_id.
with

source as (

    select * from onsets

),

renamed as (

    select
        finding_id,
        onset
    from source

)

select * from renamed
