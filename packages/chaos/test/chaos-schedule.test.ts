import { RandomStream, Seed } from '@stepcompute/core';
import { ChaosSchedule, type SimulationFault, type StoreFault } from '../src/chaos-schedule.js';

/** The first faults, jumps and choices of a schedule's first lives. */
function draws(seed: number, number: number): unknown[] {
  const schedule = new ChaosSchedule(seed, number);
  const { repetitions, repetitionsAtFirst, concurrency, parameters } = schedule;
  const drawn: unknown[] = [repetitions, repetitionsAtFirst, concurrency, parameters];
  for (let life = 0; life < 8; life += 1) {
    schedule.begin(life);
    drawn.push(schedule.isJoined(), schedule.asksAgain());
    drawn.push(schedule.simulationFault(() => true));
    for (let call = 0; call < 30; call += 1) {
      drawn.push(
        schedule.storeFault(() => true),
        schedule.clockJump(),
        schedule.generatorFails(),
      );
    }
  }
  return drawn;
}

describe('a chaos schedule', () => {
  it('is the same for the same seed and number, and another for another', () => {
    expect(draws(1, 17)).toEqual(draws(1, 17));
    expect(draws(1, 18)).not.toEqual(draws(1, 17));
    expect(draws(2, 17)).not.toEqual(draws(1, 17));
  });

  it('draws every fault that a call can meet, and no other', () => {
    const possible: readonly StoreFault[] = ['kill after', 'throttling', 'late delivery'];
    const drawn = new Set<StoreFault | undefined>();
    for (let number = 0; number < 20; number += 1) {
      const schedule = new ChaosSchedule(1, number);
      for (let call = 0; call < 50; call += 1) {
        drawn.add(schedule.storeFault((fault) => possible.includes(fault)));
      }
    }
    expect(drawn).toEqual(new Set([...possible, undefined]));
  });

  it('draws each simulation that a process can have instead of the run’s, and no other', () => {
    const drawn = new Set<SimulationFault | undefined>();
    for (let number = 0; number < 50; number += 1) {
      drawn.add(
        new ChaosSchedule(1, number).simulationFault((fault) => fault !== 'accepted change'),
      );
    }
    expect(drawn).toEqual(new Set(['changed simulation', 'simulation without version', undefined]));
    expect(new ChaosSchedule(1, 0).simulationFault(() => false)).toBeUndefined();
  });

  it('leaves a life in peace after five faults, and the lives from the seventh on altogether', () => {
    const schedule = new ChaosSchedule(1, 0);
    const faults = (life: number): number => {
      schedule.begin(life);
      let count = 0;
      for (let call = 0; call < 1000; call += 1) {
        if (schedule.storeFault(() => true) === undefined) continue;
        schedule.note('throttling');
        count += 1;
      }
      return count;
    };
    expect([0, 5, 6, 11].map(faults)).toEqual([5, 5, 0, 0]);
  });

  it.each([
    [0, 0],
    [20_261_123, 9_999_999],
    [Seed.maximum, ChaosSchedule.maximumNumber],
  ])('takes seed %d and number %d', (seed, number) => {
    expect(draws(seed, number)).toEqual(draws(seed, number));
    expect(new ChaosSchedule(seed, number).idempotencyKey).toBe(`chaos-${seed}-${number}`);
  });

  it('draws its last life from the last stream that an iteration can have', () => {
    const schedule = new ChaosSchedule(1, ChaosSchedule.maximumNumber);
    schedule.begin(98);
    const stream = new RandomStream(Seed.parse(1), 999_999_999 as never);
    expect(schedule.isJoined()).toBe(stream.uniform() < 0.2);
    expect(ChaosSchedule.maximumNumber).toBe(9_999_999);
  });

  it.each([
    [1, -1, 'schedule number must be an integer from 0 to 9999999', '-1'],
    [1, 10_000_000, 'schedule number must be an integer from 0 to 9999999', '10000000'],
    [1, 0.5, 'schedule number must be an integer from 0 to 9999999', '0.5'],
    [-1, 0, 'seed must be an integer from 0 to 9007199254740991', '-1'],
    [2 ** 53, 0, 'seed must be an integer from 0 to 9007199254740991', '9007199254740992'],
  ])('refuses seed %d with number %d: %s', (seed, number, limit, value) => {
    const make = (): ChaosSchedule => new ChaosSchedule(seed, number);
    expect(make).toThrow(expect.objectContaining({ name: 'InvalidInputError' }) as Error);
    expect(make).toThrow(limit);
    expect(make).toThrow(value);
  });

  it('refuses a life whose numbers another schedule would share', () => {
    const schedule = new ChaosSchedule(1, 0);
    expect(() => schedule.begin(99)).toThrow('life must be an integer from 0 to 98');
    expect(() => schedule.begin(-1)).toThrow('life must be an integer from 0 to 98');
  });
});
