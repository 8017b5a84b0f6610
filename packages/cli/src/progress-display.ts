import type { Progress } from '@stepcompute/core';
import { SingleBar } from 'cli-progress';
import { formatCount, formatDuration, formatNumber } from './format.js';
import type { Terminal } from './terminal.js';

/** Shows people how far a run is: a live bar on a terminal, a line now and then elsewhere. */
export interface ProgressDisplay {
  readonly update: (progress: Progress) => void;
  /** Leaves the terminal as it was. */
  readonly stop: () => void;
}

export function openProgress(terminal: Terminal): ProgressDisplay {
  return terminal.isInteractive
    ? terminalProgress(process.stderr)
    : plainProgress((line) => terminal.note(line));
}

function describe(progress: Progress): string {
  const { failed, ratePerSecond, remainingMs, runningMean, runningMargin } = progress;
  const mean = `mean ${formatNumber(runningMean)} ± ${formatNumber(runningMargin)}`;
  const left = remainingMs === null ? 'time left unknown' : `${formatDuration(remainingMs)} left`;
  const failures = failed === 0 ? '' : ` · ${formatCount(failed)} failed`;
  return `${formatCount(Math.round(ratePerSecond))}/s · ${left} · ${mean}${failures}`;
}

function terminalProgress(stream: NodeJS.WriteStream): ProgressDisplay {
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage}% · {done} of {all} · {text}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    emptyOnZero: true,
  });
  let started = false;
  return {
    update: (progress) => {
      const payload = {
        done: formatCount(progress.completed),
        all: formatCount(progress.total),
        text: describe(progress),
      };
      if (started) bar.update(progress.completed, payload);
      else bar.start(progress.total, progress.completed, payload);
      started = true;
    },
    stop: () => {
      if (started) bar.stop();
    },
  };
}

/** At most one line in this many milliseconds. */
const lineIntervalMs = 5000;

function plainProgress(write: (line: string) => void): ProgressDisplay {
  let nextLineMs = lineIntervalMs;
  return {
    update: (progress) => {
      if (progress.elapsedMs < nextLineMs) return;
      nextLineMs = progress.elapsedMs + lineIntervalMs;
      const done = `${formatCount(progress.completed)} of ${formatCount(progress.total)}`;
      write(`${done} · ${describe(progress)}`);
    },
    stop: () => undefined,
  };
}
