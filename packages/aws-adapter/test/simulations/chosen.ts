import { readFileSync } from 'node:fs';
import deadly from './deadly.js';
import failing from './failing.js';
import flaky from './flaky.js';
import hanging from './hanging.js';
import oracle from './oracle.js';
import measured from './measured.js';
import priced from './priced.js';
import uniform from './uniform.js';

const simulations = { deadly, failing, flaky, hanging, measured, oracle, priced, uniform };

export type SimulationName = keyof typeof simulations;

/** The simulation that the file `simulation` beside the function’s bundle names: one bundle has them all. */
export default simulations[readFileSync('../simulation', 'utf8') as SimulationName];
