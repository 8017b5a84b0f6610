import { paint, screenOf } from '../src/screen.js';

const tty = { isTTY: true, columns: 100 };
const pipe = {};
const utf8 = { LANG: 'en_US.UTF-8', TERM: 'xterm-256color' };

const of = (output: object, env: NodeJS.ProcessEnv = utf8, platform: NodeJS.Platform = 'linux') =>
  screenOf(output, env, platform);

describe('a screen', () => {
  it('is live on a terminal, unless that is dumb or CI’s', () => {
    expect(of(tty)).toMatchObject({ isTerminal: true, isLive: true, hasColor: true });
    for (const env of [{ TERM: 'dumb' }, { CI: 'true' }, { CI: '1' }, { CI: 'woodpecker' }]) {
      expect(of(tty, { ...utf8, ...env })).toMatchObject({
        isTerminal: true,
        isLive: false,
        hasColor: false,
      });
    }
    for (const CI of ['', '0', 'false']) expect(of(tty, { ...utf8, CI }).isLive).toBe(true);
  });

  it('is neither live nor in colours where no terminal is', () => {
    expect(of(pipe)).toMatchObject({ isTerminal: false, isLive: false, hasColor: false });
  });

  it('has no colours where NO_COLOR says so with anything', () => {
    for (const NO_COLOR of ['1', '0', 'false']) {
      expect(of(tty, { ...utf8, NO_COLOR })).toMatchObject({ isLive: true, hasColor: false });
    }
    expect(of(tty, { ...utf8, NO_COLOR: '' }).hasColor).toBe(true);
    expect(of(tty, { ...utf8, NODE_DISABLE_COLORS: '1' }).hasColor).toBe(false);
  });

  it('has the colours that FORCE_COLOR says, whatever else is said', () => {
    for (const FORCE_COLOR of ['', '1', '2', '3', 'true']) {
      const env = { FORCE_COLOR, NO_COLOR: '1', TERM: 'dumb' };
      expect(of(pipe, env)).toMatchObject({ isLive: false, hasColor: true });
    }
    for (const FORCE_COLOR of ['0', 'false']) {
      expect(of(tty, { ...utf8, FORCE_COLOR }).hasColor).toBe(false);
    }
  });

  it('is as wide as COLUMNS says, or the terminal at the moment, or 80', () => {
    const window = { isTTY: true, columns: 100 };
    const screen = of(window);
    expect(screen.columns).toBe(100);
    window.columns = 60;
    expect(screen.columns).toBe(60);
    expect(of(window, { COLUMNS: '132' }).columns).toBe(132);
    for (const COLUMNS of ['', '0', '-5', '12.5', 'wide']) {
      expect(of(window, { COLUMNS }).columns).toBe(60);
    }
    expect(of(pipe).columns).toBe(80);
    // So says a terminal that does not know.
    expect(of({ isTTY: true, columns: 0 }).columns).toBe(80);
  });

  it.each<[NodeJS.ProcessEnv, NodeJS.Platform, boolean]>([
    [{ LANG: 'de_DE.UTF-8' }, 'linux', true],
    [{ LANG: 'C.utf8' }, 'darwin', true],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, 'linux', false],
    [{ LC_ALL: '', LC_CTYPE: 'en_US.UTF-8', LANG: 'C' }, 'linux', true],
    [{ LANG: 'de_DE.ISO-8859-1' }, 'linux', false],
    [{}, 'linux', false],
    [{ LANG: 'en_US.UTF-8', TERM: 'linux' }, 'linux', false],
    [{}, 'win32', true],
  ])('of %j on %s takes more than ASCII: %s', (env, platform, hasUnicode) => {
    expect(of(tty, env, platform)).toMatchObject({ hasUnicode });
  });
});

it('paints where there are colours alone', () => {
  expect(paint({ hasColor: true }, 'bad', 'no')).toBe('\u001b[31mno\u001b[39m');
  expect(paint({ hasColor: false }, 'bad', 'no')).toBe('no');
});
