import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A run may have a label, and may be deleted: then its row stays as a tombstone, so that neither its id nor
 * its key is given again. All that is new is null in what was there before: no table is rewritten. Code that
 * does not know tombstones takes them for runs, and must not work on the tables any more.
 */
export class AddTombstones implements MigrationInterface {
  readonly name = 'AddTombstones1764400000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE stepcompute_run
        ADD label text,
        ADD experiment_key text,
        ADD deleted_at timestamptz(3),
        ADD CONSTRAINT stepcompute_run_label CHECK (char_length(label) BETWEEN 1 AND 256)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM stepcompute_run WHERE deleted_at IS NOT NULL');
    await runner.query(`
      ALTER TABLE stepcompute_run
        DROP CONSTRAINT stepcompute_run_label, DROP label, DROP experiment_key, DROP deleted_at`);
  }
}
