-- title: Privileges and roles granted
-- answers: Who was given which privileges or role on what, and by whom.
-- tables: user_access
-- technique: T1098.003 Additional Cloud Roles
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, time_dt, user_name, array_to_string(privileges, ', ') AS privileges,
       array_to_string(list_transform(resources, lambda resource: resource.name), ', ') AS resources,
       actor_name AS granted_by, src_ip, event_code
FROM user_access
WHERE time_dt >= $since AND time_dt < $until AND activity_id = 1 AND outcome IS DISTINCT FROM 'Failure'
ORDER BY time_dt, account_name, user_name, metadata.uid
