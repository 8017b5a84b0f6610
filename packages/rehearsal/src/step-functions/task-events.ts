import type { State } from './definition.js';

/** The types of a task's events, without the part that says what the task is of. */
type TaskEvent = 'Scheduled' | 'Started' | 'Succeeded' | 'Failed' | 'TimedOut';

/** An event's type, and its details. */
export type Told = readonly [type: string, details: Readonly<Record<string, object>>];

/**
 * The events of one task as GetExecutionHistory has them: those of `lambda:invoke` name the service and
 * its action, those of a function's ARN the function, when it is scheduled.
 */
export class TaskEvents {
  readonly #isFunction: boolean;

  constructor(
    private readonly state: State,
    private readonly region: string,
  ) {
    this.#isFunction = !/^arn:aws[\w-]*:states:/.test(String(state.Resource));
  }

  /** @param given JSON: what the state gives to its task */
  scheduled(given: string): Told {
    const { Resource: resource, TimeoutSeconds: timeoutInSeconds } = this.state;
    return this.#told(
      'Scheduled',
      this.#isFunction
        ? { resource, input: given, timeoutInSeconds }
        : { region: this.region, parameters: given, timeoutInSeconds },
    );
  }

  started(): Told {
    return this.#isFunction ? ['LambdaFunctionStarted', {}] : this.#told('Started', {});
  }

  /** @param output JSON */
  succeeded(output: string): Told {
    return this.#told('Succeeded', { output });
  }

  failed(error: string, cause: string): Told {
    return this.#told('Failed', { error, cause });
  }

  timedOut(): Told {
    return this.#told('TimedOut', { error: 'States.Timeout' });
  }

  #told(event: TaskEvent, details: object): Told {
    return this.#isFunction
      ? [`LambdaFunction${event}`, { [`lambdaFunction${event}EventDetails`]: details }]
      : [`Task${event}`, { [`task${event}EventDetails`]: { ...invoke, ...details } }];
  }
}

/** The names of the one action that is rehearsed, `lambda:invoke`. */
const invoke = { resourceType: 'lambda', resource: 'invoke' };
