/** Survives two copies of this package in one process, where `instanceof` does not. */
const brand = Symbol.for('@stepcompute/core/StepComputeError');

/**
 * Every error that StepCompute raises on purpose. Compare `name` or `code`, never `instanceof`:
 * both are stable, and `name` is what crosses a Lambda or a state machine.
 */
export abstract class StepComputeError extends Error {
  declare readonly name: string;
  /** Stable, machine-readable, in capitals. */
  declare readonly code: string;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
  }
}

/** True when `error` is one of this taxonomy, from whichever copy of the package. */
export function isStepComputeError(error: unknown): error is StepComputeError {
  return looked(() => typeof error === 'object' && error !== null && brand in error, false);
}

/** The base that {@link errorClass} makes. */
export type ErrorClass<Name extends string, Code extends string> = new (
  message: string,
  options?: ErrorOptions,
) => NamedError<Name, Code>;

interface NamedError<Name extends string, Code extends string> extends StepComputeError {
  readonly name: Name;
  readonly code: Code;
}

/**
 * The base of a class of errors, with its name and its code.
 * @example
 * class QueueClosedError extends errorClass('QueueClosedError', 'QUEUE_CLOSED') {}
 */
export function errorClass<Name extends string, Code extends string>(
  name: Name,
  code: Code,
): ErrorClass<Name, Code> {
  class Named extends StepComputeError {
    declare readonly name: Name;
    override readonly code = code;
  }
  // On the prototype so that stack traces show it, and by hand so that minifiers can't change it.
  Object.defineProperty(Named.prototype, 'name', {
    value: name,
    writable: true,
    configurable: true,
  });
  return Named;
}

/** The answer of a look; `otherwise` when what is looked at throws, as a proxy or a getter may. */
export function looked<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
