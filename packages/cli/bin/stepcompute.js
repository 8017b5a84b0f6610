#!/usr/bin/env node
import { existsSync } from 'node:fs';

// A committed launcher: npm links no bin whose file is not there when it installs.
if (existsSync(new URL('../dist/supervisor.js', import.meta.url))) {
  const { main } = await import('../dist/supervisor.js');
  main(process.argv);
} else {
  console.error('stepcompute is not built yet: run `npm run build` first');
  process.exitCode = 1;
}
