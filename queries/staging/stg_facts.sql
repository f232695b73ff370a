-- Files that were captured beside the logs. One row per file_name.
with

source as (

    select * from facts

)

select * from source
