/** The functions that there are to deploy: each a module with a `handler`, under this package's `handlers/`. */
export const handlerNames = [
  'retrieve-run-id',
  'write-to-db',
  'record-failure',
  'aggregate-and-store-value',
  'migrate',
] as const;

export type HandlerName = (typeof handlerNames)[number];

/** A handler's module, to be resolved and bundled. */
export function handlerModule(name: HandlerName): string {
  return `@stepcompute/aws-adapter/handlers/${name}`;
}

/** The module that has the deployed simulation: a bundler puts one with the user's in its place. */
export const simulationModule = '@stepcompute/aws-adapter/simulation';
