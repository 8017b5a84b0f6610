import type { DataSource, QueryResult } from 'typeorm';

/** One statement on a connection of its own, with the count of rows it changed. */
export async function execute(
  dataSource: DataSource,
  statement: string,
  parameters: readonly unknown[],
): Promise<QueryResult> {
  const runner = dataSource.createQueryRunner();
  try {
    return await runner.query(statement, [...parameters], true);
  } finally {
    await runner.release();
  }
}
