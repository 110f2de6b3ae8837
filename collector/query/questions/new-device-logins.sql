-- title: Device logins by people who never were there
-- answers: Users who logged in to a device on which they had not logged in before, while others had.
-- tables: authentication
-- row: account_name, device, user_name
-- technique: T1021 Remote Services
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 30d -- how far back logins are known
--   service_accounts list = -- users that are left out
WITH logins AS (
  SELECT account_name, dst_endpoint.uid AS device_uid, dst_endpoint.hostname AS device, user_name, src_ip, is_remote, time_dt, metadata.uid AS event_uid
  FROM authentication
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND outcome = 'Success'
    AND event_code = 'login_attempt' AND user_name IS NOT NULL AND dst_endpoint.uid IS NOT NULL
    AND NOT list_contains($service_accounts, user_name)
), usual AS (
  SELECT account_name, device_uid, list_sort(list(DISTINCT user_name)) AS usual_users
  FROM logins WHERE time_dt < $since GROUP BY account_name, device_uid
), firsts AS (
  SELECT account_name, device_uid, min(device) AS device, user_name, min(time_dt) AS first_seen,
         arg_min(src_ip, (time_dt, event_uid)) AS src_ip, arg_min(is_remote, (time_dt, event_uid)) AS remote
  FROM logins GROUP BY account_name, device_uid, user_name
)
SELECT account_name, device, user_name, first_seen, src_ip, remote, usual_users
FROM firsts JOIN usual USING (account_name, device_uid)
WHERE first_seen >= $since
ORDER BY first_seen, account_name, device, user_name, device_uid
