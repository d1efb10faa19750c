-- The tables of 0004 for SQLite.
CREATE TABLE statistics (
    domain   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    width    BIGINT NOT NULL,
    bucket   BIGINT NOT NULL,
    class    TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    total    BIGINT NOT NULL,
    shortest BIGINT NOT NULL,
    longest  BIGINT NOT NULL,
    PRIMARY KEY (domain, subject, width, bucket, class)
);

-- What is on record already.
INSERT INTO statistics (domain, subject, width, bucket, class, attempts, answered, total, shortest, longest)
SELECT domain, 'calls', width, started_at - started_at % (width * 1000000), coalesce(class, 'internal'),
    count(*), count(answered_at), coalesce(sum((ended_at - answered_at) / 1000000), 0),
    coalesce(min((ended_at - answered_at) / 1000000), 4294967295), coalesce(max((ended_at - answered_at) / 1000000), 0)
FROM calls, (SELECT 3600::BIGINT AS width UNION ALL SELECT 86400) AS widths
WHERE ended_at IS NOT NULL GROUP BY domain, width, started_at - started_at % (width * 1000000), coalesce(class, 'internal');
