export {
  experimentReport,
  runReport,
  valuesToRead,
  type ExperimentReportOptions,
} from './reports.js';
