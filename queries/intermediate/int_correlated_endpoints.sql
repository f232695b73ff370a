-- Endpoints whose failed requests carry the same request or trace id as a class.
-- One row per (finding_id, http_request_method, http_route).
with

firsts as (

    select * from int_correlated

),

requests as (

    select
        correlation_id,
        http_request_method,
        http_route
    from firsts
    where http_route is not null

),

totals as (

    select
        finding_id,
        count(*) as id_count
    from firsts
    group by finding_id

),

counted as (

    select
        firsts.finding_id,
        requests.http_request_method,
        requests.http_route,
        count(distinct firsts.correlation_id) as together_count
    from firsts
    inner join requests on firsts.correlation_id = requests.correlation_id
    group by firsts.finding_id, requests.http_request_method, requests.http_route

),

shared as (

    select
        counted.*,
        totals.id_count,
        counted.together_count / nullif(totals.id_count, 0) as share
    from counted
    inner join totals on counted.finding_id = totals.finding_id

)

select * from shared
