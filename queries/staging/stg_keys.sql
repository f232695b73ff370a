-- Distinct texts that rules look at, with their folded form. One row per key_id.
with

source as (

    select * from keys

),

folded as (

    select
        key_id,
        text,
        lower(text) as folded_text
    from source

)

select * from folded
