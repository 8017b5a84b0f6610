import { simulate, VirtualClock } from '@stepcompute/inmemory-adapter';
import { expectedDurationMs, retriedJob, type RetriedJob } from './retried-job.js';

async function main(): Promise<void> {
  const job: RetriedJob = {
    meanAttemptMs: 200,
    failureRate: 0.1,
    attempts: 30,
    firstPauseMs: 1000,
  };
  const clock = new VirtualClock();
  const { average } = await simulate(retriedJob(job, clock), {
    repetitions: 10_000,
    seed: 42,
    concurrency: 50,
    clock,
  });
  const [lower = NaN, upper = NaN] = average.confidenceInterval ?? [];
  console.log(`${average.count} jobs in ${(clock.now() / 1000).toFixed(1)} s of virtual time`);
  console.log(`mean duration ${average.mean.toFixed(1)} ms`);
  console.log(`95 % interval ${lower.toFixed(1)} to ${upper.toFixed(1)} ms`);
  console.log(`closed form   ${expectedDurationMs(job).toFixed(1)} ms`);
}

void main();
