import { InvalidInputError } from '@stepcompute/core';
import { Argument, Command, Option } from 'commander';
import type { Context } from './context.js';

/** An option or an argument, as commander has it, with the type that its value has when it is parsed. */
export interface Declared<Place, Value> {
  readonly place: Place;
  readonly read: (parsed: unknown) => Value;
}

type Declarations<Place> = Readonly<Record<string, Declared<Place, unknown>>>;

/** The values of options or arguments, by the names under which they are declared. */
export type ValuesOf<D> = {
  readonly [Name in keyof D]: D[Name] extends Declared<unknown, infer Value> ? Value : never;
};

export function argument<Value>(
  usage: string,
  description: string,
  parse: (text: string) => Value,
): Declared<Argument, Value> {
  const place = new Argument(usage, description).argParser((text) => parse(text));
  return { place, read: (parsed) => parsed as Value };
}

/** The argument as one that may be left out: undefined then. */
export function leftOut<Value>({
  place,
  read,
}: Declared<Argument, Value>): Declared<Argument, Value | undefined> {
  place.argOptional();
  return { place, read: (parsed) => (parsed === undefined ? undefined : read(parsed)) };
}

/** An argument that is given once or more; its values, in the order they were given. */
export function argumentList<Value>(
  usage: string,
  description: string,
  parse: (text: string) => Value,
): Declared<Argument, readonly Value[]> {
  const place = new Argument(usage, description).argParser(
    (text, before: readonly Value[] | undefined = []) => [...before, parse(text)],
  );
  return { place, read: (parsed) => parsed as readonly Value[] };
}

/** An option that is given or not. */
export function flag(flags: string, description: string): Declared<Option, boolean> {
  return { place: new Option(flags, description), read: (parsed) => parsed === true };
}

/** An option with a value, undefined when it is not given. */
export function option<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
): Declared<Option, Value | undefined> {
  const place = new Option(flags, description).argParser((text) => parse(text));
  return { place, read: (parsed) => parsed as Value | undefined };
}

/** An option with one of a few words. */
export function oneOf<const Word extends string>(
  flags: string,
  description: string,
  field: string,
  words: readonly Word[],
): Declared<Option, Word | undefined> {
  // Known to completion and help; refused in words like all else.
  const place = new Option(flags, description).choices(words);
  place.argParser((text) => parseOneOf(text, field, words));
  return { place, read: (parsed) => parsed as Word | undefined };
}

/** An argument that is one of a few words. */
export function oneOfArgument<const Word extends string>(
  usage: string,
  description: string,
  field: string,
  words: readonly Word[],
): Declared<Argument, Word> {
  const place = new Argument(usage, description).choices(words);
  place.argParser((text) => parseOneOf(text, field, words));
  return { place, read: (parsed) => parsed as Word };
}

/** @throws InvalidInputError unless the text is one of the words */
function parseOneOf<Word extends string>(
  text: string,
  field: string,
  words: readonly Word[],
): Word {
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  throw new InvalidInputError(field, words.map((each) => `"${each}"`).join(' or '), text);
}

/** An option that is given as often as needed; its values, in the order they were given. */
export function list<Value>(
  flags: string,
  description: string,
  parse: (text: string, before: readonly Value[]) => Value,
): Declared<Option, readonly Value[]> {
  const place = new Option(flags, description).argParser(
    (text, before: readonly Value[] | undefined = []) => [...before, parse(text, before)],
  );
  return { place, read: (parsed) => (parsed ?? []) as readonly Value[] };
}

/**
 * The option with a default.
 * @param text the default as people type it
 */
export function withDefault<Value>(
  { place }: Declared<Option, Value | undefined>,
  value: Value,
  text = String(value),
): Declared<Option, Value> {
  return { place: place.default(value, text), read: (parsed) => parsed as Value };
}

/** The option as one that must be given. */
export function required<Value>({
  place,
}: Declared<Option, Value | undefined>): Declared<Option, Value> {
  return { place: place.makeOptionMandatory(), read: (parsed) => parsed as Value };
}

/** The option as one that is refused beside another. */
export function without<Value>(
  { place, read }: Declared<Option, Value>,
  other: string,
): Declared<Option, Value> {
  return { place: place.conflicts(other), read };
}

/** A command of the program: makes commander's for one command line. */
export type DeclaredCommand = (context: Context) => Command;

/** Declares a command. Its action gets the parsed values of its arguments and options. */
export function declareCommand<
  Arguments extends Declarations<Argument>,
  Options extends Declarations<Option>,
>(declaration: {
  readonly name: string;
  readonly description: string;
  readonly arguments: Arguments;
  readonly options: Options;
  /** Follows the options in help: remarks, examples. */
  readonly help: string;
  readonly action: (
    given: ValuesOf<Arguments> & ValuesOf<Options>,
    context: Context,
  ) => Promise<void>;
}): DeclaredCommand {
  const { name, description, help, action } = declaration;
  const args = Object.entries(declaration.arguments);
  const options = Object.entries(declaration.options);
  return (context) => {
    const command = new Command(name).description(description).addHelpText('after', help);
    for (const [, { place }] of args) command.addArgument(place);
    for (const [, { place }] of options) command.addOption(place);
    return command.action(async () => {
      const parsed: Readonly<Record<string, unknown>> = command.opts();
      const given = Object.fromEntries([
        ...args.map(([key, { read }], index) => [key, read(command.processedArgs[index])]),
        ...options.map(([key, { place, read }]) => [key, read(parsed[place.attributeName()])]),
      ]) as ValuesOf<Arguments> & ValuesOf<Options>;
      await action(given, context);
    });
  };
}
