import { declareCommand, flag, leftOut, option, required } from '../command.js';
import { withStores } from '../databases.js';
import { refuseNotOne, UsageError } from '../errors.js';
import { refuseOtherControl, runsOfExperiment } from '../experiments.js';
import {
  controlOption,
  databaseOption,
  experimentOption,
  onOption,
  placeOption,
  runArgument,
  verboseOption,
} from '../options.js';
import { OutputFile } from '../output-file.js';
import { showReading } from '../reading.js';

export const reportCommand = declareCommand({
  name: 'report',
  description: 'write a page for a run, or for an experiment: figures, plots and what they rest on',
  arguments: { id: leftOut(runArgument) },
  options: {
    experiment: experimentOption('the experiment of the page, in place of a run'),
    control: controlOption,
    out: required(
      option('--out <file>', 'the file of HTML to write; it needs nothing else', (text) => text),
    ),
    force: flag('--force', 'replace the file of --out if there is one'),
    db: databaseOption(),
    on: onOption(),
    verbose: verboseOption,
  },
  help: `
The page opens from disk, and nothing on it is loaded from elsewhere. Of a run that is not completed
it shows what there is.

Examples:
  $ stepcompute report 3 --out report.html
  $ stepcompute report --experiment strikes --control low --out strikes.html`,
  async action({ id, experiment, control, out, force, db, on }, { terminal, interruption }) {
    refuseNotOne(id, experiment);
    if (control !== undefined && experiment === undefined) {
      throw new UsageError('--control is a scenario of --experiment (see --help)');
    }
    const file = new OutputFile('--out', out, force);
    await withStores({ db, on }, interruption, async (stores) => {
      const runs =
        id === undefined
          ? (await runsOfExperiment(stores, experiment!)).runs
          : [await stores.runs.get(id)];
      refuseOtherControl(
        control,
        runs.map(({ scenario, id }) => scenario ?? String(id)),
      );
      // Its library for plots takes a while to load: other commands do without it.
      const { experimentReport, runReport, valuesToRead } = await import('@stepcompute/report');
      // Whoever reads the page may have another environment.
      const place = placeOption(on?.text ?? db, {}).trim();
      const total = valuesToRead(runs, { control });
      const page = await showReading(stores, terminal, total, (counted) =>
        id === undefined
          ? experimentReport(counted, runs, { control, place })
          : runReport(counted, id, { place }),
      );
      const bytes = await file.write([page], interruption.signal);
      terminal.note(`Wrote ${out}, ${Math.ceil(bytes / 1000)} kB.`);
    });
  },
});
