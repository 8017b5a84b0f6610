import type { MapState } from './definition.js';
import { causeOf, loadInterpreter } from './load-interpreter.js';

/** The context object with one of a Map's items in it. */
export function contextOfItem(
  context: Readonly<Record<string, unknown>>,
  index: number,
  value: unknown,
): Readonly<Record<string, unknown>> {
  return { ...context, Map: { Item: { Index: index, Value: value } } };
}

/**
 * Each item's input; where the state selects it, by the interpreter's own reading of the template.
 * @throws an error whose name is the Error: `States.Runtime` for a path that leads nowhere
 */
export async function inputsOf(
  state: MapState,
  items: readonly unknown[],
  input: unknown,
  context: Readonly<Record<string, unknown>>,
): Promise<unknown[]> {
  if (state.ItemSelector === undefined) return [...items];
  const { StateMachine } = await loadInterpreter();
  const selector = new StateMachine(
    {
      StartAt: 'Select',
      States: { Select: { Type: 'Pass', Parameters: state.ItemSelector as never, End: true } },
    },
    { validationOptions: { noValidate: true } },
  );
  const selected: unknown[] = [];
  for (const [index, item] of items.entries()) {
    const options = { context: contextOfItem(context, index, item) };
    selected.push(
      await selector.run(input as never, options).result.catch((error: unknown) => {
        throw causeOf(error);
      }),
    );
  }
  return selected;
}
