-- MySQL knows no ADD COLUMN IF NOT EXISTS, and this script has to run again where it was cut off: each column is asked for first.

-- Which vault an intent writes to: a migration can have more than one in hand. NULL where nothing is written at all.
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_intent'
  AND column_name = 'vault') > 0, 'DO 0', 'ALTER TABLE strongroom_intent ADD COLUMN vault TEXT');
PREPARE change_it FROM @change;
EXECUTE change_it;

-- Where a value went.
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_journal'
  AND column_name = 'vault') > 0, 'DO 0', 'ALTER TABLE strongroom_journal ADD COLUMN vault TEXT');
PREPARE change_it FROM @change;
EXECUTE change_it;

-- What a run does, who runs it where, and how far it has come.
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'action') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN action TEXT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'target') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN target TEXT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'process') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN process TEXT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'total') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN total BIGINT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'done') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN done BIGINT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'changed') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN changed BIGINT');
PREPARE change_it FROM @change;
EXECUTE change_it;
SET @change = IF((SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 'strongroom_run'
  AND column_name = 'updated_at') > 0, 'DO 0', 'ALTER TABLE strongroom_run ADD COLUMN updated_at BIGINT');
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
