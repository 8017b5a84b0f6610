import type { Progress } from '@stepcompute/core';
import { barOf } from './bar.js';
import { formatCount, formatDuration, formatNumber, formatRate } from './format.js';
import type { Screen } from './screen.js';
import { cutText } from './table.js';
import type { Terminal } from './terminal.js';

/** The figures of a {@link Progress}, whatever it is of; without a total where nobody knows it. */
export type ProgressFigures = Omit<Progress, 'run' | 'total'> & {
  readonly total: number | undefined;
};

/** Shows people how far a run is: a line that is drawn anew on a terminal, another now and then elsewhere. */
export interface ProgressDisplay {
  /** @param of a fact about more than the run, which stands before its own */
  readonly update: (progress: ProgressFigures, of?: string) => void;
  /** Leaves the terminal as it was. */
  readonly stop: () => void;
}

export function openProgress({ isQuiet, errorScreen, draw, note }: Terminal): ProgressDisplay {
  if (isQuiet) return { update: () => undefined, stop: () => undefined };
  return errorScreen.isLive ? liveProgress(errorScreen, draw) : plainProgress(note);
}

/** The facts about a run on its way, the ones that people look for first before the others. */
function factsOf(progress: ProgressFigures, of: string | undefined): readonly string[] {
  const { completed, total, failed, ratePerSecond, remainingMs } = progress;
  const { runningMean, runningMargin } = progress;
  const left = remainingMs === null ? 'time left unknown' : `${formatDuration(remainingMs)} left`;
  return [
    ...(of === undefined ? [] : [of]),
    total === undefined
      ? formatCount(completed)
      : `${formatCount(completed)} of ${formatCount(total)}`,
    ...(failed === 0 ? [] : [`${formatCount(failed)} failed`]),
    ...(remainingMs === 0 ? [] : [left]),
    formatRate(ratePerSecond),
    ...(runningMean === null
      ? []
      : [`mean ${formatNumber(runningMean, runningMargin)} ± ${formatNumber(runningMargin)}`]),
  ];
}

const separator = ' · ';

/** Between two drawings, in milliseconds. */
const drawIntervalMs = 100;

const longestBar = 24;

/** As many facts as the line has room for, after a bar. */
export function progressLine(
  progress: ProgressFigures,
  { columns, hasUnicode }: Pick<Screen, 'columns' | 'hasUnicode'>,
  of?: string,
): string {
  const { completed, total } = progress;
  let line = '';
  if (total !== undefined) {
    const share = total === 0 ? 1 : completed / total;
    const room = Math.min(longestBar, Math.floor(columns / 5));
    const empty = hasUnicode ? '░' : '-';
    const bar = barOf(share, room, hasUnicode).padEnd(room, empty);
    // All before the end is no end.
    line = `${bar} ${Math.floor(share * 100)}%`;
  }
  for (const fact of factsOf(progress, of)) {
    const longer = line === '' ? fact : `${line}${separator}${fact}`;
    // A terminal that is full to its last column may begin another line.
    if (longer.length >= columns) break;
    line = longer;
  }
  return cutText(line, columns - 1);
}

function liveProgress(screen: Screen, draw: (line: string) => void): ProgressDisplay {
  let nextMs = 0;
  return {
    update: (progress, of) => {
      const { elapsedMs, completed, total = Infinity } = progress;
      if (elapsedMs < nextMs && completed < total) return;
      nextMs = elapsedMs + drawIntervalMs;
      draw(progressLine(progress, screen, of));
    },
    stop: () => draw(''),
  };
}

/** The first line is after so many milliseconds. */
const firstLineMs = 5000;

/** Each further one when the run has taken this much longer: a log of days has a hundred lines. */
const growth = 1.1;

export function plainProgress(write: (line: string) => void): ProgressDisplay {
  let nextLineMs = firstLineMs;
  return {
    update: (progress, of) => {
      const { elapsedMs } = progress;
      if (elapsedMs < nextLineMs) return;
      nextLineMs = Math.max(elapsedMs + firstLineMs, elapsedMs * growth);
      write(factsOf(progress, of).join(separator));
    },
    stop: () => undefined,
  };
}
