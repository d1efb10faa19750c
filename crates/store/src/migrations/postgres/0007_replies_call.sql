-- Who is at work on a request, and the call that it placed: written with the call itself, so that whoever finds the key
-- unanswered knows whether there is one.
ALTER TABLE replies ADD COLUMN node TEXT COLLATE "C";
ALTER TABLE replies ADD COLUMN call BYTEA;
