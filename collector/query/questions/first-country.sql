-- title: First login from a country
-- answers: Successful logins from a country from which the user had not logged in before, as far back as the history reaches. Users without a history are left out.
-- tables: authentication
-- row: account_name, user_name, country
-- technique: T1078 Valid Accounts
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 30d -- how far back countries are known
--   countries list = -- countries (ISO 3166-1) from which everybody may come, left out
WITH logins AS (
  SELECT account_name, user_name, country, src_ip, app, time_dt, metadata.uid AS event_uid
  FROM authentication
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND outcome = 'Success'
    AND user_name IS NOT NULL AND country IS NOT NULL AND event_code <> 'login_attempt'
), firsts AS (
  SELECT account_name, user_name, country, min(time_dt) AS first_seen, arg_min(src_ip, (time_dt, event_uid)) AS src_ip,
         arg_min(app, (time_dt, event_uid)) AS app
  FROM logins
  GROUP BY account_name, user_name, country
), known AS (
  SELECT account_name, user_name, list_sort(list(DISTINCT country)) AS known_countries
  FROM logins WHERE time_dt < $since GROUP BY account_name, user_name
)
SELECT account_name, user_name, country, src_ip, app, first_seen, known_countries
FROM firsts JOIN known USING (account_name, user_name)
WHERE first_seen >= $since AND NOT list_contains($countries, country)
ORDER BY first_seen, account_name, user_name, country
