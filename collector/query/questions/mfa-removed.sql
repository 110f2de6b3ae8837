-- title: MFA removed or exempted
-- answers: Whose MFA factor was removed or who was exempted from MFA, and by whom.
-- tables: account_change
-- technique: T1556.006 Multi-Factor Authentication
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, time_dt, user_name, actor_name AS removed_by, actor_name = user_name AS by_themselves,
       src_ip, country, event_code, message
FROM account_change
WHERE time_dt >= $since AND time_dt < $until AND activity_id = 11 AND outcome IS DISTINCT FROM 'Failure'
ORDER BY time_dt, account_name, user_name, metadata.uid
