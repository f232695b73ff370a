-- Measures of what was captured beside the logs. One row per (file_name, record_number, measure).
with

source as (

    select * from measures

)

select * from source
