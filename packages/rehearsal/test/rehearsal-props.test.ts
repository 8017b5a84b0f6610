import { Rehearsal, type RehearsalProps } from '../src/index.js';

const folder = 'the folder that cdk synth has written to';

it.each<[unknown, string]>([
  [undefined, 'the properties of a rehearsal must be an object; got undefined'],
  ['cdk.out', 'the properties of a rehearsal must be an object; got cdk.out'],
  [{ assembly: undefined }, `assembly must be ${folder}; got nothing`],
  [{ assembly: null }, `assembly must be ${folder}; got null`],
  [{ assembly: { folder: 'cdk.out' } }, `assembly must be ${folder}; got {"folder":"cdk.out"}`],
  [
    { timescale: 60 },
    'the properties of a rehearsal must be of assembly, database, databaseHosts, timeScale, scaledVariables, faults, mostInstances, host, port, onLog; got timescale',
  ],
  [{ timeScale: '60' }, 'timeScale must be a number; got 60'],
  [{ database: 5 }, 'database must be memory, a folder, or a URL of postgres://; got 5'],
  [
    { database: 'mysql://root:hush@db/sims' },
    'database must be memory, a folder, or a URL of postgres://; got mysql://…',
  ],
  [{ databaseHosts: 'db' }, 'databaseHosts must be a list of texts; got db'],
  [{ scaledVariables: 'DELAY' }, 'scaledVariables must be a list of texts; got DELAY'],
  [{ faults: 0.2 }, 'faults must be an object; got 0.2'],
  [{ faults: { rate: '0.2' } }, 'rate must be a number; got 0.2'],
  [
    { faults: { rat: 0.2 } },
    'the properties of faults must be of rate, throttles, crashes, seed; got rat',
  ],
  [{ mostInstances: 0 }, 'mostInstances must be an integer of 1 or more; got 0'],
  [{ host: 5 }, 'host must be a text; got 5'],
  [{ port: 70_000 }, 'port must be an integer from 0 to 65535; got 70000'],
  [{ onLog: 'console' }, 'onLog must be a function; got console'],
])('a rehearsal of %j is refused in one line', async (props, message) => {
  const given = typeof props === 'object' ? { assembly: 'cdk.out', ...props } : props;
  await expect(Rehearsal.start(given as RehearsalProps)).rejects.toThrow(new RangeError(message));
});
