import { styleText } from 'node:util';

/** How standard output, or standard error, is looked at. Each is judged for itself. */
export interface Screen {
  /** It is a terminal: a person reads it, and not a program or a file. */
  readonly isTerminal: boolean;
  /** A line that was written can be drawn anew. */
  readonly isLive: boolean;
  readonly hasColor: boolean;
  /** Its characters are not ASCII's alone. */
  readonly hasUnicode: boolean;
  /** How wide it is at the moment: a terminal's window may change. */
  readonly columns: number;
}

/** As much of a stream as a screen depends on. */
interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const usualColumns = 80;

/**
 * The screen of a stream, by the conventions of the environment: `TERM=dumb`, `CI`, `NO_COLOR`
 * (https://no-color.org), `FORCE_COLOR` as Node and chalk read it, `COLUMNS` and the locale.
 */
export function screenOf(
  output: Output,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Screen {
  const isTerminal = output.isTTY === true;
  // A terminal in CI is watched by a log.
  const isLive = isTerminal && env.TERM !== 'dumb' && !isSet(env.CI);
  return {
    isTerminal,
    isLive,
    hasColor: wantsColor(env) ?? isLive,
    hasUnicode: hasUnicode(env, platform),
    get columns() {
      // A terminal that does not know its width says 0.
      const isWidth = (width: number): boolean => Number.isInteger(width) && width > 0;
      return [Number(env.COLUMNS), output.columns ?? 0].find(isWidth) ?? usualColumns;
    },
  };
}

function isSet(variable: string | undefined): boolean {
  return variable !== undefined && !['', '0', 'false'].includes(variable);
}

/** Undefined when nothing is said. */
function wantsColor({
  FORCE_COLOR: force,
  NO_COLOR: no,
  NODE_DISABLE_COLORS: disabled,
}: NodeJS.ProcessEnv): boolean | undefined {
  if (force !== undefined) return force !== '0' && force !== 'false';
  return [no, disabled].some((variable) => variable !== undefined && variable !== '')
    ? false
    : undefined;
}

function hasUnicode(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  // Node writes to a console of Windows in UTF-16.
  if (platform === 'win32') return true;
  // The font of Linux's own console has no parts of blocks.
  if (env.TERM === 'linux') return false;
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(Boolean);
  return /utf-?8/i.test(locale ?? '');
}

/** For what a reader is to see at once, and for nothing else. */
const styles = { good: 'green', unsettled: 'yellow', bad: 'red' } as const;

/** The text in its colour, where there are colours. */
export function paint(
  { hasColor }: Pick<Screen, 'hasColor'>,
  style: keyof typeof styles,
  text: string,
): string {
  return hasColor ? styleText(styles[style], text, { validateStream: false }) : text;
}

/** Erases the line, on a screen that is live. */
export const anew = '\r\u001b[K';
