-- title: Applications that nobody uses
-- answers: Applications of the inventory that nobody reached by single sign-on in the range, with how many users and groups may.
-- tables: applications, assignments, authentication
-- row: account_name, application
-- technique: T1078.004 Cloud Accounts
-- parameters:
--   since instant = 60d -- first instant
--   until instant = now -- end of the range, exclusive
WITH used AS (
  SELECT DISTINCT metadata.tenant_uid AS org, lower(app) AS app FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success' AND app IS NOT NULL
)
SELECT a.account_name, a.name AS application, a.sso_type, a.active, count(s.to_id) FILTER (s.to_type = 'user') AS users,
       count(s.to_id) FILTER (s.to_type = 'group') AS groups, a.first_seen
FROM applications AS a
LEFT JOIN assignments AS s ON s.feed = a.feed AND s.from_id = a.id
WHERE a.first_seen < $since AND a.name IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM used WHERE used.app = lower(a.name) AND coalesce(used.org, a.org) = a.org)
GROUP BY ALL
ORDER BY a.account_name, application, a.first_seen, a.sso_type, a.active, users, groups
