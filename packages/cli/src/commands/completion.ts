import type { Argument, Command, Option } from 'commander';
import { declareCommand, oneOfArgument, type DeclaredCommand } from '../command.js';

/** @param program has the commands and options that are completed */
export function completionCommand(program: Command): DeclaredCommand {
  return declareCommand({
    name: 'completion',
    description: 'print a script by which a shell completes commands and options',
    arguments: { shell: oneOfArgument('<shell>', 'bash or zsh', 'shell', ['bash', 'zsh']) },
    options: {},
    help: `
Examples:
  $ source <(stepcompute completion bash)   # in ~/.bashrc
  $ source <(stepcompute completion zsh)    # in ~/.zshrc, after compinit`,
    action({ shell }, { terminal }) {
      terminal.print(shell === 'bash' ? bashScript(program) : zshScript(program));
      return Promise.resolve();
    },
  });
}

/** The word that may follow an option, or stand where an argument does: a file, one of a few words, or anything. */
type Value = 'file' | 'anything' | readonly string[];

function argumentValue(argument: Argument): Value {
  return argument.argChoices ?? (argument.name() === 'file' ? 'file' : 'anything');
}

/** Undefined for an option that is given or not. */
function optionValue(option: Option): Value | undefined {
  if (!option.required) return undefined;
  const isFile = nameOf(option) === 'file' || option.long === '--db';
  return option.argChoices ?? (isFile ? 'file' : 'anything');
}

/** The name of an option's value. */
function nameOf({ flags }: Option): string {
  return /<(.*)>/.exec(flags)?.[1] ?? '';
}

function flagsOf({ short, long }: Option): readonly string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** A word of a shell's. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Works in bash 3.2 too, which macOS has. */
function bashScript({ commands, options }: Command): string {
  const words: string[] = [];
  /** The options after which a value comes, by what the script does then. */
  const places = new Map<string, string[]>();
  for (const command of commands) {
    const name = command.name();
    const values = command.registeredArguments.map(argumentValue);
    const flags = command.options.map(({ long }) => long!);
    const all = [...values.filter((value) => typeof value !== 'string').flat(), ...flags, '--help'];
    const file = values.includes('file') ? '; [[ $current == -* ]] || files=1' : '';
    words.push(`${name}) words=${quoted(all.join(' '))}${file} ;;`);
    for (const option of command.options) {
      const value = optionValue(option);
      if (value === undefined) continue;
      const action = bashAction(value);
      const cases = flagsOf(option).map((flag) => quoted(`${name} ${flag}`));
      places.set(action, [...(places.get(action) ?? []), ...cases]);
    }
  }
  const values = Array.from(places, ([action, cases]) => `${cases.join(' | ')}) ${action} ;;`);
  const first = [...commands.map((command) => command.name()), '--help'];
  first.push(...options.map(({ long }) => long!));
  return `# Completes stepcompute in bash: source <(stepcompute completion bash)
_stepcompute() {
  local IFS=$' \\t\\n' command=\${COMP_WORDS[1]} current=\${COMP_WORDS[COMP_CWORD]}
  local option=\${COMP_WORDS[COMP_CWORD - 1]} words='' files=''
  # An equals sign is a word of its own.
  if [[ $current == = ]]; then current=''
  elif [[ $option == = ]]; then option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  if [[ $COMP_CWORD == 1 ]]; then
    COMPREPLY=($(compgen -W ${quoted(first.join(' '))} -- "$current"))
    return
  fi
  case $command in
    ${words.join('\n    ')}
  esac
  case "$command $option" in
    ${values.join('\n    ')}
  esac
  if [[ -n $files ]]; then
    IFS=$'\\n'
    compopt -o filenames 2> /dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _stepcompute stepcompute`;
}

function bashAction(value: Value): string {
  if (value === 'anything') return 'return';
  return value === 'file' ? 'files=1' : `words=${quoted(value.join(' '))} files=''`;
}

function zshScript({ commands, options }: Command): string {
  const described = commands.map(
    (command) => `    ${quoted(`${command.name()}:${command.description()}`)}`,
  );
  const cases = commands.map((command) => {
    const specs = [
      ...command.registeredArguments.map(zshArgument),
      ...command.options.flatMap(zshOptions),
      quoted('--help[display help for command]'),
    ];
    return `    ${command.name()}) _arguments ${specs.join(' \\\n      ')} ;;`;
  });
  const globals = options.map(({ long }) => long!).join(' ');
  return `#compdef stepcompute
# Completes stepcompute in zsh: source <(stepcompute completion zsh), after compinit
_stepcompute() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    if [[ $PREFIX == -* ]]; then compadd -- --help ${globals}; fi
    return
  fi
  shift words
  (( CURRENT -= 1 ))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _stepcompute ]]; then _stepcompute "$@"; else compdef _stepcompute stepcompute; fi`;
}

function zshArgument(argument: Argument, index: number): string {
  return quoted(`${index + 1}:${argument.name()}:${zshAction(argumentValue(argument))}`);
}

function zshOptions(option: Option): string[] {
  const value = optionValue(option);
  const description = option.description.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
  const follows = value === undefined ? '' : `:${nameOf(option)}:${zshAction(value)}`;
  return flagsOf(option).map((flag) => {
    // A long one may have its value behind an equals sign.
    const equals = value !== undefined && flag === option.long ? '=' : '';
    return quoted(`*${flag}${equals}[${description}]${follows}`);
  });
}

function zshAction(value: Value): string {
  if (value === 'anything') return ' ';
  return value === 'file' ? '_files' : `(${value.join(' ')})`;
}
