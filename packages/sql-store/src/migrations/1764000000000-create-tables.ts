import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables as version 1 has them. */
export class CreateTables implements MigrationInterface {
  readonly name = 'CreateTables1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stepcompute_run (
        id serial,
        repetitions integer NOT NULL,
        seed bigint NOT NULL,
        delay_ms double precision NOT NULL,
        generator_name text NOT NULL,
        idempotency_key text,
        status text NOT NULL DEFAULT 'started',
        started_at timestamptz(3) NOT NULL DEFAULT now(),
        finished_at timestamptz(3),
        CONSTRAINT stepcompute_run_pk PRIMARY KEY (id),
        CONSTRAINT stepcompute_run_idempotency_key UNIQUE (idempotency_key),
        CONSTRAINT stepcompute_run_repetitions CHECK (repetitions BETWEEN 1 AND 1000000000),
        CONSTRAINT stepcompute_run_seed CHECK (seed BETWEEN 0 AND 9007199254740991),
        CONSTRAINT stepcompute_run_status
          CHECK (status IN ('started', 'completed', 'failed', 'cancelled'))
      )`);
    await runner.query(`
      CREATE TABLE stepcompute_value (
        run_id integer NOT NULL,
        iteration_id integer NOT NULL,
        value double precision NOT NULL,
        CONSTRAINT stepcompute_value_pk PRIMARY KEY (run_id, iteration_id),
        CONSTRAINT stepcompute_value_iteration CHECK (iteration_id >= 0),
        CONSTRAINT stepcompute_value_finite CHECK (value > '-Infinity' AND value < 'Infinity')
      )`);
    await runner.query(`
      CREATE TABLE stepcompute_failure (
        run_id integer NOT NULL,
        iteration_id integer NOT NULL,
        error_name text NOT NULL,
        message text NOT NULL,
        failed_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT stepcompute_failure_pk PRIMARY KEY (run_id, iteration_id)
      )`);
    await runner.query(`
      CREATE TABLE stepcompute_average (
        run_id integer NOT NULL,
        count integer NOT NULL,
        mean double precision NOT NULL,
        standard_deviation double precision,
        minimum double precision NOT NULL,
        maximum double precision NOT NULL,
        stored_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT stepcompute_average_pk PRIMARY KEY (run_id, count)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE stepcompute_average, stepcompute_failure, stepcompute_value, stepcompute_run',
    );
  }
}
