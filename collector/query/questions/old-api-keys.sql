-- title: API keys used after replacement
-- answers: Whose replaced API key is still used, from where, with which program.
-- tables: authentication
-- row: account_name, user_name, src_ip
-- technique: T1550.001 Application Access Token
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, user_name, src_ip, min(country) AS country, mode(actor.app_name ORDER BY actor.app_name) AS program,
       count(*) AS attempts, min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND event_code = 'admin_old_api_key_attempt'
GROUP BY account_name, user_name, src_ip
ORDER BY attempts DESC, account_name, user_name, src_ip
