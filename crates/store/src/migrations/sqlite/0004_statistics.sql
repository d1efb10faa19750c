-- Counts by the hour (width 3600) and the day (86400); `bucket` is its beginning. Durations are seconds, of answered calls.
CREATE TABLE statistics (
    domain   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    width    INTEGER NOT NULL,
    bucket   INTEGER NOT NULL,
    class    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    shortest INTEGER NOT NULL,
    longest  INTEGER NOT NULL,
    PRIMARY KEY (domain, subject, width, bucket, class)
) STRICT, WITHOUT ROWID;

-- What is on record already.
INSERT INTO statistics (domain, subject, width, bucket, class, attempts, answered, total, shortest, longest)
SELECT domain, 'calls', width, started_at - started_at % (width * 1000000), coalesce(class, 'internal'),
    count(*), count(answered_at), coalesce(sum((ended_at - answered_at) / 1000000), 0),
    coalesce(min((ended_at - answered_at) / 1000000), 4294967295), coalesce(max((ended_at - answered_at) / 1000000), 0)
FROM calls, (SELECT 3600 AS width UNION ALL SELECT 86400) AS widths
WHERE ended_at IS NOT NULL GROUP BY domain, width, started_at - started_at % (width * 1000000), coalesce(class, 'internal');
