-- Unix seconds since which no row needs the key. It still opens backups of secrets that were made with it.
ALTER TABLE data_key ADD COLUMN retired INTEGER;

-- The key's number in the vault from whose backup it came: backups of secrets name it by that.
ALTER TABLE data_key ADD COLUMN formerly INTEGER;
