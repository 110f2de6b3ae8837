-- title: Dead letters by reason
-- answers: Records collected in the range that could not become a valid event, by service and reason, but for those that were replayed.
-- tables: dead_letters
-- row: organization, service, event_type, reason
-- parameters:
--   since instant = 30d -- first instant
--   until instant = now -- end of the range, exclusive
WITH letters AS (
  SELECT *, make_timestamptz(fetched_at * 1000) AS collected FROM dead_letters
)
SELECT organization, service, event_type, reason, count(*) AS dead_letters, min(message) AS example,
       max(collected) AS last_seen
FROM letters
WHERE collected >= $since AND collected < $until
GROUP BY ALL
ORDER BY dead_letters DESC, organization, service, event_type, reason
