/** A queue with a Poisson stream of customers, exponential services, and servers that are all alike: M/M/c. */
export interface Queue {
  /** Customers a minute, on average. */
  readonly arrivalRate: number;
  /** How many customers one server serves in a minute of work, on average. */
  readonly serviceRate: number;
  readonly servers: number;
}

/** The share of its servers' time that is worked. */
function loadOf({ arrivalRate, serviceRate, servers }: Queue): number {
  return arrivalRate / (serviceRate * servers);
}

/**
 * The probability that a customer has to wait, in a queue that has run for long.
 * Source: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in
 * automatic telephone exchanges", 1917; by the recursion of his formula B.
 * @throws RangeError unless the servers are a positive integer, and get on top of their work
 */
export function probabilityToWait(queue: Queue): number {
  const { arrivalRate, serviceRate, servers } = queue;
  if (!Number.isSafeInteger(servers) || servers < 1) {
    throw new RangeError(`servers must be an integer of 1 or more: ${servers}`);
  }
  const load = loadOf(queue);
  if (!(load > 0 && load < 1)) {
    throw new RangeError(
      `arrivalRate must be above 0 and below serviceRate · servers, or the queue grows for ever: ` +
        `${arrivalRate}, ${serviceRate} · ${servers}`,
    );
  }
  const offered = arrivalRate / serviceRate;
  let blocked = 1;
  for (let server = 1; server <= servers; server += 1) {
    blocked = (offered * blocked) / (server + offered * blocked);
  }
  return blocked / (1 - load * (1 - blocked));
}

/**
 * The mean wait before service, in minutes.
 * @throws RangeError as {@link probabilityToWait} does
 */
export function meanWait(queue: Queue): number {
  return probabilityToWait(queue) / (queue.serviceRate * queue.servers - queue.arrivalRate);
}

/**
 * The wait, in minutes, that a customer exceeds with `probability`: waits of those who wait are exponential.
 * @throws RangeError as {@link probabilityToWait} does
 */
export function waitExceededBy(probability: number, queue: Queue): number {
  const spare = queue.serviceRate * queue.servers - queue.arrivalRate;
  return Math.max(0, Math.log(probabilityToWait(queue) / probability) / spare);
}

/**
 * How many customers an arriving one finds, in a queue that has run for long: the inverse of that
 * distribution, from the most to none. An arrival of a Poisson stream finds what there is at any time.
 * Source: R. Wolff, "Poisson arrivals see time averages", 1982.
 * @param uniform in [0, 1)
 * @throws RangeError as {@link probabilityToWait} does
 */
export function customersFound(queue: Queue, uniform: number): number {
  const { servers } = queue;
  const load = loadOf(queue);
  const allBusy = probabilityToWait(queue);
  // With all servers busy, the number that waits is geometric.
  if (uniform < allBusy)
    return servers + Math.floor(Math.log1p(-uniform / allBusy) / Math.log(load));
  let probability = allBusy * (1 - load);
  let rest = uniform - allBusy;
  for (let found = servers - 1; found > 0; found -= 1) {
    probability *= (found + 1) / (load * servers);
    if (rest < probability) return found;
    rest -= probability;
  }
  return 0;
}
