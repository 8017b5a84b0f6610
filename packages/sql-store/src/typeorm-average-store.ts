import type { Average, AverageStore, RunId } from '@stepcompute/core';
import { assertSameAverage, completeAverage } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { patiently } from './patiently.js';
import { averageSchema } from './schema.js';

/** Averages in the table `stepcompute_average`. */
export class TypeOrmAverageStore implements AverageStore {
  constructor(private readonly dataSource: DataSource) {}

  save(id: RunId, average: Average): Promise<void> {
    return patiently(this.dataSource, async () => {
      const { count, mean, standardDeviation, minimum, maximum } = average;
      const averages = this.dataSource.getRepository(averageSchema);
      await averages
        .createQueryBuilder()
        .insert()
        .values({ runId: id, count, mean, standardDeviation, minimum, maximum })
        .orIgnore()
        .updateEntity(false)
        .execute();
      assertSameAverage(id, await averages.findOneByOrFail({ runId: id, count }), average);
    });
  }

  history(id: RunId): Promise<readonly Average[]> {
    return patiently(this.dataSource, async () => {
      const rows = await this.dataSource
        .getRepository(averageSchema)
        .find({ where: { runId: id }, order: { count: 'ASC' } });
      return rows.map(({ count, mean, standardDeviation, minimum, maximum }) =>
        completeAverage({ count, mean, standardDeviation, minimum, maximum }),
      );
    });
  }
}
