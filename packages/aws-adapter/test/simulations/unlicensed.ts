import { uniformInteger } from '@stepcompute/core';

// Loads where it is synthesized, and not in its function.
if (process.env.LAMBDA_TASK_ROOT !== undefined) throw new TypeError('there is no licence here');

export default uniformInteger;
