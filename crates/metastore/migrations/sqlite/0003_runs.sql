-- Which vault an intent writes to: a migration can have more than one in hand. NULL where nothing is written at all.
ALTER TABLE strongroom_intent ADD COLUMN vault TEXT;

-- Where a value went.
ALTER TABLE strongroom_journal ADD COLUMN vault TEXT;

-- What a run does, who runs it where, and how far it has come.
ALTER TABLE strongroom_run ADD COLUMN action TEXT;
ALTER TABLE strongroom_run ADD COLUMN target TEXT;
ALTER TABLE strongroom_run ADD COLUMN process TEXT;
ALTER TABLE strongroom_run ADD COLUMN total INTEGER;
ALTER TABLE strongroom_run ADD COLUMN done INTEGER;
ALTER TABLE strongroom_run ADD COLUMN changed INTEGER;
ALTER TABLE strongroom_run ADD COLUMN updated_at INTEGER;
