-- Endpoints whose failed requests carry the same request or trace id as a class, likeliest first.
-- One row per (finding_id, http_request_method, http_route).
select
    finding_id,
    http_request_method,
    http_route,
    together_count,
    id_count,
    share
from int_correlated_endpoints
order by finding_id asc, together_count desc, http_route asc, http_request_method asc
