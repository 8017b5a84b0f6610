import { InProcessOrchestrator } from '@stepcompute/core';
import { sqliteStores } from './sqlite-stores.js';

async function main(): Promise<void> {
  const [file = 'runs.sqlite'] = process.argv.slice(2);
  const { close, ...stores } = sqliteStores(file);
  const orchestrator = new InProcessOrchestrator({
    stores,
    generator: ({ random }) => random.integer(1, 6) + random.integer(1, 6),
  });
  const { run, average } = await orchestrator.run({ repetitions: 10_000, seed: 42 });
  console.log(`run ${run.id}: ${average.count} values in ${file}, average ${average.mean}`);
  close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
