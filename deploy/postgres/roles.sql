-- One role and one schema for each service with a database; no service sees another's tables.
-- The postgres image runs this once, on an empty data folder. On your own server, run it as the database owner:
--   PRESCRIPTIONS_DB_PASSWORD=... ALERTS_DB_PASSWORD=... psql -v ON_ERROR_STOP=1 -d rxguard -f roles.sql
-- A password that is not in the environment is a syntax error: no role is created without a password.
\getenv prescriptions_password PRESCRIPTIONS_DB_PASSWORD
\getenv alerts_password ALERTS_DB_PASSWORD

BEGIN;
CREATE ROLE prescriptions LOGIN PASSWORD :'prescriptions_password';
CREATE SCHEMA prescriptions AUTHORIZATION prescriptions;
CREATE ROLE alerts LOGIN PASSWORD :'alerts_password';
CREATE SCHEMA alerts AUTHORIZATION alerts;
COMMIT;
