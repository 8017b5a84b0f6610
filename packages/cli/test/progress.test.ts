import type { Progress } from '@stepcompute/core';
import stringWidth from 'string-width';
import { openProgress, plainProgress, progressLine } from '../src/progress-display.js';
import type { Terminal } from '../src/terminal.js';

const progress = (fields: Partial<Progress> = {}): Progress => ({
  run: {} as Progress['run'],
  total: 1_000_000,
  completed: 250_000,
  failed: 12,
  elapsedMs: 30_000,
  ratePerSecond: 8333.3,
  remainingMs: 90_000,
  runningMean: 0.5,
  runningMargin: 0.001,
  ...fields,
});

const unicode = { hasUnicode: true };

describe('progress on a terminal', () => {
  it('is one line with all there is to say', () => {
    expect(progressLine(progress(), { columns: 120, ...unicode })).toBe(
      '██████░░░░░░░░░░░░░░░░░░ 25% · 250,000 of 1,000,000 · 12 failed · 1m 30s left · 8,333/s · mean 0.5 ± 0.001',
    );
  });

  it('says first of what it is a part', () => {
    const line = progressLine(progress(), { columns: 80, ...unicode }, '3 of 25 scenarios');
    expect(line).toBe(
      '████░░░░░░░░░░░░ 25% · 3 of 25 scenarios · 250,000 of 1,000,000 · 12 failed',
    );
  });

  it('says as much as there is room for, the first things first, in 40 columns too', () => {
    const lines = [40, 60, 80].map((columns) => progressLine(progress(), { columns, ...unicode }));
    expect(lines).toEqual([
      '██░░░░░░ 25% · 250,000 of 1,000,000',
      '███░░░░░░░░░ 25% · 250,000 of 1,000,000 · 12 failed',
      '████░░░░░░░░░░░░ 25% · 250,000 of 1,000,000 · 12 failed · 1m 30s left · 8,333/s',
    ]);
  });

  it('never fills its line, whose end may begin another', () => {
    for (let columns = 5; columns <= 200; columns += 1) {
      const line = progressLine(progress({ completed: 999_999 }), { columns, ...unicode });
      expect(stringWidth(line)).toBeLessThan(columns);
      expect(line).not.toContain('100%');
    }
  });

  it('is of ASCII’s bars where a terminal takes nothing else', () => {
    expect(progressLine(progress(), { columns: 40, hasUnicode: false })).toMatch(/^##-{6} 25%/);
  });
});

describe('progress elsewhere', () => {
  it('is a line after five seconds and then ever less often: a log of days has no thousands', () => {
    const lines: string[] = [];
    const display = plainProgress((line) => lines.push(line));
    const days = 3 * 86_400_000;
    for (let elapsedMs = 0; elapsedMs <= days; elapsedMs += 500) {
      display.update(progress({ elapsedMs }));
      if (elapsedMs === 4500) expect(lines).toEqual([]);
      if (elapsedMs === 60_000) expect(lines).toHaveLength(11);
    }
    expect(lines.length).toBeLessThan(110);
    expect(lines[0]).toBe(
      '250,000 of 1,000,000 · 12 failed · 1m 30s left · 8,333/s · mean 0.5 ± 0.001',
    );
  });

  it('says what is not known yet, and no mean of nothing', () => {
    const lines: string[] = [];
    const nothing = { completed: 0, failed: 0, ratePerSecond: 0, remainingMs: null };
    plainProgress((line) => lines.push(line)).update(
      progress({ ...nothing, runningMean: null, runningMargin: null }),
    );
    expect(lines).toEqual(['0 of 1,000,000 · time left unknown · 0/s']);
  });

  it('is nothing where it is not wanted', () => {
    const note = jest.fn();
    const screen = { isTerminal: false, isLive: false, hasColor: false, ...unicode, columns: 80 };
    const quiet = { note, isQuiet: true, errorScreen: screen } as unknown as Terminal;
    openProgress(quiet).update(progress());
    openProgress({ ...quiet, isQuiet: false }).update(progress());
    expect(note).toHaveBeenCalledTimes(1);
  });
});
