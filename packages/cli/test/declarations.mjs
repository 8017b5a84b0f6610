/**
 * Prints the command line as it is declared, as JSON: the commands with their options, the exit codes, and
 * the parsed value, or the error, of each [command, flag, text] in the argument.
 */
import { buildProgram } from '../dist/program.js';
import { meanings } from '../dist/exit-codes.js';

const { commands } = buildProgram({});

function parse([command, flag, text]) {
  const { options } = commands.find((each) => each.name() === command);
  try {
    return options.find(({ long }) => long === flag).parseArg(text);
  } catch ({ message }) {
    return message;
  }
}

console.log(
  JSON.stringify({
    commands: commands.map((command) => ({
      usage: [
        command.name(),
        ...command.registeredArguments.map(
          (argument) => `<${argument.name()}${argument.variadic ? '...' : ''}>`,
        ),
      ].join(' '),
      description: command.description(),
      options: command.options.map((option) => ({
        name: option.attributeName(),
        flags: option.flags,
        description: option.description,
        fallback: option.defaultValueDescription ?? '',
      })),
    })),
    meanings,
    parsed: JSON.parse(process.argv[2] ?? '[]').map(parse),
  }),
);
