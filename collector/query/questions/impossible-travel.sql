-- title: Impossible travel
-- answers: Two successful portal or application logins of one user, farther apart than anybody travels in the time between.
-- tables: authentication
-- row: account_name, user_name, to_time
-- technique: T1078 Valid Accounts
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   speed number = 900 -- kilometres per hour that are possible
--   distance number = 500 -- kilometres at least; places of addresses are not exact
WITH logins AS (
  SELECT account_name, user_name, src_ip, country, time_dt, metadata.uid AS event_uid,
         src_endpoint.location.lat AS lat, src_endpoint.location.long AS long
  FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success' AND user_name IS NOT NULL
    AND event_code IN ('user_login_attempt', 'admin_login_attempt', 'sso_auth')
    AND src_endpoint.location.lat IS NOT NULL AND src_endpoint.location.long IS NOT NULL
), pairs AS (
  SELECT account_name, user_name, lag(time_dt) OVER before AS from_time, time_dt AS to_time,
         lag(country) OVER before AS from_country, country AS to_country,
         lag(src_ip) OVER before AS from_ip, src_ip AS to_ip,
         radians(lag(lat) OVER before) AS lat1, radians(lat) AS lat2, radians(long - lag(long) OVER before) AS long_apart
  FROM logins
  WINDOW before AS (PARTITION BY account_name, user_name ORDER BY time_dt, src_ip, event_uid)
), measured AS (
  SELECT *, 2 * 6371 * asin(sqrt(least(1, power(sin((lat2 - lat1) / 2), 2)
           + cos(lat1) * cos(lat2) * power(sin(long_apart / 2), 2)))) AS km,
         epoch_ms(to_time - from_time) / 3600000.0 AS hours
  FROM pairs WHERE from_time IS NOT NULL
)
SELECT account_name, user_name, from_country, to_country, from_ip, to_ip, round(km)::BIGINT AS km,
       round(hours, 2) AS hours, from_time, to_time
FROM measured
WHERE km >= $distance AND km > $speed * hours
ORDER BY to_time, account_name, user_name, from_ip, to_ip, km, from_country, to_country
