/**
 * The public API of each entry point that has types, one report each, kept under version control so
 * that a change of it shows in review. Fails when a report is out of date; `--local` rewrites it.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const localBuild = process.argv.includes('--local');
const root = resolve(import.meta.dirname, '..');

for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name);
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const forgotten = [];
  for (const [entry, { require = {}, types = require.types }] of Object.entries(exports)) {
    if (types !== undefined && !report(folder, entry, types, forgotten)) process.exitCode = 1;
  }
  for (const { symbol, complaint } of forgotten) {
    if (isExported(folder, symbol)) continue;
    console.error(complaint);
    process.exitCode = 1;
  }
}

/**
 * True when the entry point has no fault and its report was up to date, or is now.
 * @param forgotten gathers the symbols that it refers to and does not export
 */
function report(folder, entry, types, forgotten) {
  const reportFileName = entry === '.' ? 'index' : entry.slice('./'.length).replaceAll('/', '-');
  const reportFolder = join(folder, 'api');
  const reportTempFolder = tempFolder(folder);
  const reportPath = relative(root, join(reportFolder, `${reportFileName}.api.md`));
  mkdirSync(reportFolder, { recursive: true });
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, types),
      compiler: { tsconfigFilePath: join(folder, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName,
        reportFolder,
        reportTempFolder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'error' },
          // Every export is public, and a name may say enough.
          'ae-missing-release-tag': { logLevel: 'none' },
          'ae-undocumented': { logLevel: 'none' },
          // TSDoc's link syntax is stricter than TypeScript's, which editors follow.
          'ae-unresolved-link': { logLevel: 'none' },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
  const { succeeded, apiReportChanged } = Extractor.invoke(config, {
    localBuild,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel !== 'error') return;
      const { sourceFilePath: file, sourceFileLine: line, messageId, text } = message;
      const place = file === undefined ? reportPath : `${relative(root, file)}:${line}`;
      const complaint = `${place} ${messageId}: ${text}`;
      if (messageId === 'ae-forgotten-export') {
        const [, symbol] = /"(\w+)"/.exec(text) ?? [];
        forgotten.push({ symbol, complaint });
        message.logLevel = 'none';
      } else console.error(complaint);
    },
  });
  if (apiReportChanged) {
    console.error(
      localBuild
        ? `${reportPath} is updated`
        : `${reportPath} is not up to date: run \`npm run api\` and review the difference`,
    );
  }
  return succeeded;
}

/** True when users get the symbol from an entry point of the package, whichever. */
function isExported(folder, symbol) {
  // TypeScript's own name for the base of a class that extends what a call answers with.
  if (symbol.endsWith('_base')) return true;
  const exported = new RegExp(`^export .*\\b${symbol}\\b`, 'm');
  const reports = readdirSync(tempFolder(folder)).filter((file) => file.endsWith('.api.md'));
  return reports.some((file) =>
    exported.test(readFileSync(join(tempFolder(folder), file), 'utf8')),
  );
}

function tempFolder(folder) {
  return join(root, 'node_modules/.cache/api-report', relative(root, folder));
}
