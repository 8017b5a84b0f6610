export { DatabaseFolderError } from './database-folder-error.js';
export { inFolder, inMemory, type EmbeddedPostgres } from './embedded-postgres.js';
export { holdsDatabase } from './cluster.js';
