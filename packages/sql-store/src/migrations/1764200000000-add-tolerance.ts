import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many failures a run tolerates, and how often a failed iteration was tried. From here on the
 * tables refuse delays, iterations, counts and means that core refuses too.
 */
export class AddTolerance implements MigrationInterface {
  readonly name = 'AddTolerance1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE stepcompute_run
        ADD tolerance text NOT NULL DEFAULT '0',
        ADD CONSTRAINT stepcompute_run_tolerance
          CHECK (tolerance ~ '^([0-9]{1,10}|[0-9]{1,3}([.][0-9]{1,6})?%)$'),
        ADD CONSTRAINT stepcompute_run_delay CHECK (delay_ms BETWEEN 0 AND 31536000000)`);
    await runner.query(`
      ALTER TABLE stepcompute_failure
        ADD attempts integer NOT NULL DEFAULT 1,
        ADD CONSTRAINT stepcompute_failure_attempts CHECK (attempts >= 1),
        ADD CONSTRAINT stepcompute_failure_iteration CHECK (iteration_id >= 0)`);
    await runner.query(`
      ALTER TABLE stepcompute_average
        ADD CONSTRAINT stepcompute_average_count CHECK (count >= 1),
        ADD CONSTRAINT stepcompute_average_mean CHECK (mean > '-Infinity' AND mean < 'Infinity')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE stepcompute_average
        DROP CONSTRAINT stepcompute_average_mean,
        DROP CONSTRAINT stepcompute_average_count`);
    await runner.query(`
      ALTER TABLE stepcompute_failure
        DROP CONSTRAINT stepcompute_failure_iteration,
        DROP attempts`);
    await runner.query(`
      ALTER TABLE stepcompute_run DROP CONSTRAINT stepcompute_run_delay, DROP tolerance`);
  }
}
