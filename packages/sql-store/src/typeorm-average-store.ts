import type { Average, AverageStore, RunId } from '@stepcompute/core';
import { completeAverage, refuseOtherAverage } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { patiently } from './patiently.js';
import { averageSchema, type AverageRow } from './schema.js';

/** Averages in the table `stepcompute_average`. */
export class TypeOrmAverageStore implements AverageStore {
  constructor(private readonly dataSource: DataSource) {}

  save(id: RunId, average: Average): Promise<Average> {
    return patiently(this.dataSource, async () => {
      const { method: averaging, count, mean, standardDeviation, minimum, maximum } = average;
      const averages = this.dataSource.getRepository(averageSchema);
      await averages
        .createQueryBuilder()
        .insert()
        .values({ runId: id, averaging, count, mean, standardDeviation, minimum, maximum })
        .orIgnore()
        .updateEntity(false)
        .execute();
      const kept = toAverage(await averages.findOneByOrFail({ runId: id, count }));
      return refuseOtherAverage(id, kept, average);
    });
  }

  history(id: RunId): Promise<readonly Average[]> {
    return patiently(this.dataSource, async () => {
      const rows = await this.dataSource
        .getRepository(averageSchema)
        .find({ where: { runId: id }, order: { count: 'ASC' } });
      return rows.map(toAverage);
    });
  }
}

function toAverage({ averaging: method, ...row }: AverageRow): Average {
  const { count, mean, standardDeviation, minimum, maximum } = row;
  return completeAverage({ method, count, mean, standardDeviation, minimum, maximum });
}
