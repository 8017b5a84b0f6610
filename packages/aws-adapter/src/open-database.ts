import type { DataSource } from 'typeorm';
import type { DatabaseAddress } from './wire/index.js';

/**
 * Opens a deployment's database. A function is bundled with the driver that it needs alone, so that each is
 * loaded when it is asked for.
 * @param check false to send nothing before the first statement: who is about to migrate the schema looks himself
 */
export async function openDatabase(address: DatabaseAddress, check = true): Promise<DataSource> {
  if ('host' in address) {
    const { openServer } = await import('./open-server.js');
    return openServer(address, { check });
  }
  const { openDataApi } = await import('./open-data-api.js');
  return openDataApi({ ...address, check });
}
