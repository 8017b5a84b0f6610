import { declareCommand } from '../command.js';
import { migrateDatabase } from '../databases.js';
import { databaseOption, verboseOption } from '../options.js';

export const migrateCommand = declareCommand({
  name: 'migrate',
  description: 'bring a database’s schema up to date',
  arguments: {},
  options: { db: databaseOption(), verbose: verboseOption },
  help: `
Example:
  $ stepcompute migrate --db postgres://user:password@host:5432/database`,
  async action({ db }, { terminal, interruption }) {
    await interruption.race(migrateDatabase(db), 'the database never answers');
    terminal.note('The schema is up to date.');
  },
});
