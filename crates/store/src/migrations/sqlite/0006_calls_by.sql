-- Lists of one direction are read from the index alone, up to the rows that are shown; those that did not end normally
-- are the few that somebody looks for.
DROP INDEX calls_search;
CREATE INDEX calls_search
    ON calls (domain, started_at, serial, source_user, destination_user, sip_call_id, session_reference_id, direction);
CREATE INDEX calls_amiss ON calls (domain, class, started_at, serial) WHERE class <> 'normal';
