import { defineSimulation } from '@stepcompute/core';
import { customersFound } from './erlang-c.js';

/** Times are in minutes. */
export const counter = {
  arrivalRate: 0.8,
  serviceRate: 1,
  servers: 1,
  /** How many customers in a row one iteration looks at. */
  customers: 100,
};

/**
 * A number of customers in a row at a queue that has run for long: how long they wait on average, what
 * share of them waits at all, and how long they stay, service included.
 */
export default defineSimulation({
  name: 'Queue',
  parameters: counter,
  measures: ['wait', 'queued', 'stay'],
  generate({ random, parameters }) {
    const { arrivalRate, serviceRate, servers, customers } = parameters;
    if (!Number.isSafeInteger(customers) || customers < 1) {
      throw new RangeError(`customers must be an integer of 1 or more: ${customers}`);
    }
    // Drawn first, so that queues of one seed have the same customers, however many they find.
    const gaps = new Float64Array(customers);
    const services = new Float64Array(customers);
    for (let customer = 0; customer < customers; customer += 1) {
      gaps[customer] = random.exponential(arrivalRate);
      services[customer] = random.exponential(serviceRate);
    }

    const found = customersFound(parameters, random.uniform());

    /** When each server will have done what it was given. */
    const freeAt = new Float64Array(servers);
    const beginOf = (arrival: number, service: number): number => {
      const next = freeAt.indexOf(Math.min(...freeAt));
      const begin = Math.max(arrival, freeAt[next]!);
      freeAt[next] = begin + service;
      return begin;
    };

    // A service that has begun takes as long from now on as one that has not: it is exponential.
    for (let before = 0; before < found; before += 1) beginOf(0, random.exponential(serviceRate));

    let now = 0;
    let waited = 0;
    let waiting = 0;
    let served = 0;
    for (let customer = 0; customer < customers; customer += 1) {
      // The first is the arrival that finds them.
      if (customer > 0) now += gaps[customer]!;
      const wait = beginOf(now, services[customer]!) - now;
      waited += wait;
      if (wait > 0) waiting += 1;
      served += services[customer]!;
    }
    return {
      wait: waited / customers,
      queued: waiting / customers,
      stay: (waited + served) / customers,
    };
  },
});
