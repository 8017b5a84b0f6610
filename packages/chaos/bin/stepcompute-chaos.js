#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

// A committed launcher: npm links no bin whose file is not there when it installs.
if (existsSync(join(__dirname, '../dist/programs/main.js'))) {
  const { main } = require('../dist/programs/main.js');
  main(process.argv);
} else {
  console.error('stepcompute-chaos is not built yet: run `npm run build` first');
  process.exitCode = 1;
}
