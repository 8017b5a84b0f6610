import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A run's record pins what it is a record of: parameters, code, measures, versions, the request as it
 * was first asked. Values keep further measures and the code they came from, averages how they were
 * taken. All that is new is null, or the same for all, in what was there before: no table is rewritten.
 */
export class AddIdentity implements MigrationInterface {
  readonly name = 'AddIdentity1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE stepcompute_run
        ADD parameters text NOT NULL DEFAULT '{}',
        ADD simulation text NOT NULL DEFAULT '[{}]',
        ADD measures text NOT NULL DEFAULT '["value"]',
        ADD versions text,
        ADD request text,
        ADD experiment text,
        ADD scenario text,
        ADD precision text,
        ADD CONSTRAINT stepcompute_run_parameters CHECK (octet_length(parameters) <= 16384)`);
    await runner.query(`
      ALTER TABLE stepcompute_value ADD more double precision[], ADD code smallint`);
    await runner.query(`
      ALTER TABLE stepcompute_average ADD averaging text`);
    await runner.query(`
      CREATE TABLE stepcompute_measure_average (
        run_id integer NOT NULL,
        count integer NOT NULL,
        measure text NOT NULL,
        mean double precision NOT NULL,
        standard_deviation double precision,
        minimum double precision NOT NULL,
        maximum double precision NOT NULL,
        averaging text NOT NULL,
        stored_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT stepcompute_measure_average_pk PRIMARY KEY (run_id, count, measure),
        CONSTRAINT stepcompute_measure_average_count CHECK (count >= 1),
        CONSTRAINT stepcompute_measure_average_mean
          CHECK (mean > '-Infinity' AND mean < 'Infinity')
      )`);
    await runner.query(`
      CREATE TABLE stepcompute_schema (
        oldest_reader integer NOT NULL,
        CONSTRAINT stepcompute_schema_pk PRIMARY KEY (oldest_reader)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE stepcompute_schema, stepcompute_measure_average');
    await runner.query('ALTER TABLE stepcompute_average DROP averaging');
    await runner.query('ALTER TABLE stepcompute_value DROP code, DROP more');
    await runner.query(`
      ALTER TABLE stepcompute_run
        DROP CONSTRAINT stepcompute_run_parameters,
        DROP parameters, DROP simulation, DROP measures, DROP versions, DROP request,
        DROP experiment, DROP scenario, DROP precision`);
  }
}
