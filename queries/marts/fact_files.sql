-- What was captured beside the logs, when, and what it is. One row per file_name.
with

files as (

    select * from stg_facts

)

select * from files
order by file_name asc
