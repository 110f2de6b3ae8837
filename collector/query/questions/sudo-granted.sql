-- title: Sudo granted
-- answers: Who was given sudo, on all devices or on one, and whether without a password.
-- tables: user_access
-- technique: T1548.003 Sudo and Sudo Caching
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, time_dt, user_name, array_to_string(privileges, ', ') AS privileges,
       array_to_string(list_transform(resources, lambda resource: resource.name), ', ') AS devices,
       actor_name AS granted_by, src_ip, country
FROM user_access
WHERE time_dt >= $since AND time_dt < $until AND activity_id = 1 AND outcome IS DISTINCT FROM 'Failure'
  AND len(list_filter(privileges, lambda privilege: privilege LIKE 'sudo%')) > 0
ORDER BY time_dt, account_name, user_name, metadata.uid
